"""`port`: two implementations of one model, side by side, layer by layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from nnparity.adapters.capture.model import Inputs, Watched
from nnparity.api import given
from nnparity.porting.comparison import compared
from nnparity.porting.connections import masks_of
from nnparity.porting.result import Ported
from nnparity.spec.usage import UsageError


def port(
    a: Any,
    b: Any,
    inputs: Any,
    *,
    b_inputs: Any = None,
    match: Mapping[str, str] | None = None,
) -> Ported:
    """Whether `b` is a right port of `a`: true if every layer conforms; otherwise it names the first that departs.

    Both models are run once, as they are: put them into evaluation before. Each layer is then judged on what it
    received, and b's layer also on what a's received, against the formula with a's parameters.

    Args:
        a: The model that is ported: a torch module or a Keras layer. Or a pair of it and a function that calls it, in
            its framework's tensors.
        b: The port, likewise.
        inputs: What both are called with: an array, a tuple of arrays, or a dict of keywords. Floats are cast to the
            dtype of the model.
        b_inputs: What b is called with, where that is something else, such as images with the channels last.
        match: Names of layers of a -> names of b, where order and kind do not say which is which.

    Raises:
        UsageError: For what is no model, no array, one without an element, or no layer's name.
    """
    one, other = Watched(a), Watched(b)
    first = arrays_of(inputs)
    layers = one.run(first)
    seen = other.run(first if b_inputs is None else arrays_of(b_inputs))
    return compared(layers, seen, other, match, masks_of(first))


def arrays_of(inputs: Any) -> Inputs:
    """The caller's arrays as NumPy's. Raises UsageError."""
    if isinstance(inputs, Mapping):
        return {name: input_of(name, x) for name, x in inputs.items()}
    parts: Sequence[Any] = inputs if isinstance(inputs, tuple | list) else (inputs,)
    return [input_of(f"input {place}", x) for place, x in enumerate(parts, 1)]


def input_of(name: str, array: Any) -> Any:
    """The caller's array as NumPy's; one without an element would let any port pass. Raises UsageError."""
    found = given.array_of(name, array)
    if not found.size:
        raise UsageError(f"{name} has shape {found.shape}, which holds no number: nothing would be compared")
    return found
