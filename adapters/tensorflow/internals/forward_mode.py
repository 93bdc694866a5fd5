"""The functions that forward mode traces: one for each operation whatever the sizes, found without a long search.

`tf.autodiff.ForwardAccumulator` traces a function for each operation, its attributes and shapes, and keeps all in one
list of types. What is not there in the very same shapes is searched for in the whole list, and iterating an OrderedDict
hashes each of its keys again: with some thousands of functions that took more time than to trace one and to call it.

And it traces the first 32 functions of an operation for exactly the shapes that come, and then, step by step, for ever
more general ones: which code gave a derivative was a matter of what else the process had been asked for before. Here
it is always the code for any sizes, which is what a process of some length runs.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: The parameters of such a function that are no tensors: no function of other ones ever serves.
OPERATION = ("op_name", "attr_tuple")


class ByOperation:
    """TensorFlow's cache of functions in as many parts as there are operations with their attributes.

    Whatever one part finds, the whole would: a type with another operation in it is no supertype.
    """

    def __init__(self, part: Callable[[], Any], general: Callable[[Any], Any]) -> None:
        """`part` makes an empty cache of TensorFlow's own kind, `general` the type that a function is traced for."""
        self._parts: defaultdict[tuple[Any, ...], Any] = defaultdict(part)
        self._general = general

    def _part(self, function_type: Any) -> Any:
        return self._parts[tuple(function_type.parameters[name].type_constraint for name in OPERATION)]

    def lookup(self, function_type: Any, context: Any = None) -> Any:
        """A function that serves this type, or None."""
        return self._part(function_type).lookup(function_type, context)

    def add(self, fn: Any, context: Any = None) -> None:
        """Keeps a function."""
        self._part(fn.function_type).add(fn, context)

    def generalize(self, context: Any, function_type: Any) -> Any:
        """The type that a function is traced for, so that it serves more shapes than these."""
        return self._general(function_type)

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))


def keep_by_operation() -> None:
    """From now on; a TensorFlow that keeps these functions otherwise is left as it is, and takes longer."""
    with suppress(ImportError, AttributeError):
        from tensorflow.python.eager import forwardprop

        from nnparity.adapters.tensorflow.internals.any_size import of_any_size

        relaxed = forwardprop._jvp_relaxed_config
        relaxed.function_cache = ByOperation(type(relaxed.function_cache), of_any_size)
        forwardprop._jvp_exact_config = relaxed
