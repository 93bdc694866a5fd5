"""The functions that forward mode traces: one for each operation whatever the sizes, found at once.

`tf.autodiff.ForwardAccumulator` traces a function for each operation, its attributes and shapes, and keeps all in one
list of types. What is not there in the very same shapes is searched for in the whole list, and iterating an OrderedDict
hashes each of its keys again: with some thousands of functions that took more time than to trace one and to call it.

And it traces the first 32 functions of an operation for exactly the shapes that come, and then, step by step, for ever
more general ones: which code gave a derivative was a matter of what else the process had been asked for before. Here
it is always the code for any sizes, which is what a process of some length runs.

To find it TensorFlow builds the type of all that the function is called with, which takes longer than most functions
themselves. Here what tells them apart finds it: the operation, its attributes, and dtypes and axes of the tensors.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
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

    def __bool__(self) -> bool:
        """Also while it is empty: TensorFlow generalizes no type for a cache that is false."""
        return True


class Dispatch:
    """What TensorFlow calls for the derivative of each operation: the function that it would find, found sooner."""

    def __init__(
        self,
        usual: Callable[..., Any],
        trace: Callable[..., Any],
        general: Callable[[Any], bool],
        device: Callable[[], str | None],
    ) -> None:
        """`usual` is what TensorFlow calls otherwise, `trace` gives the function for what that is called with.

        `general` says of the type of a function whether it serves all sizes, `device` where eager code runs: of each
        there are functions of its own. It is None in a graph, which has its own too.
        """
        self._usual, self._trace, self._general, self._device = usual, trace, general, device
        self._found: dict[tuple[object, ...], Any] = {}

    def __call__(
        self, name: str, attributes: Any, inputs: Any, outputs: Any, tangents: Any, use_batch: bool = False
    ) -> Any:
        """The tangents of the outputs; None stands for that of an input that is not differentiated."""
        arguments = name, attributes, inputs, outputs, tangents, use_batch
        tensors = [*inputs, *outputs, *tangents]
        kinds = tuple(one if one is None else (one.dtype, one.shape.rank) for one in tensors)
        function = self._function((name, attributes, use_batch, len(inputs), len(outputs), kinds), arguments)
        if function is None:
            return self._usual(*arguments)
        return function._call_flat([x for x in tensors if x is not None], captured_inputs=function.captured_inputs)

    def _function(self, kind: tuple[object, ...], arguments: tuple[Any, ...]) -> Any:
        """One that serves all of that kind here, or None."""
        if (device := self._device()) is None:
            return None
        try:
            found = self._found.get(key := (device, *kind))
        except TypeError:  # an attribute is a list
            return None
        if found is None:
            found = self._trace(arguments)
            if not self._general(found.function_type):
                return None
            self._found[key] = found
        return found


def keep_by_operation() -> None:
    """From now on; a TensorFlow that keeps these functions otherwise is left as it is, and takes longer."""
    with suppress(ImportError, AttributeError):
        from tensorflow.python import pywrap_tfe
        from tensorflow.python.eager import context, forwardprop
        from tensorflow.python.eager.polymorphic_function import tracing_compilation

        from nnparity.adapters.tensorflow.internals.any_size import is_of_any_size, of_any_size

        relaxed = forwardprop._jvp_relaxed_config
        relaxed.function_cache = ByOperation(type(relaxed.function_cache), of_any_size)
        forwardprop._jvp_exact_config = relaxed
        trace = partial(tracing_compilation.trace_function, tracing_options=relaxed)

        def device() -> str | None:
            return (context.context().device_name or "") if context.executing_eagerly() else None

        dispatch = Dispatch(forwardprop._jvp_dispatch, trace, is_of_any_size, device)
        pywrap_tfe.TFE_Py_RegisterJVPFunction(dispatch)
