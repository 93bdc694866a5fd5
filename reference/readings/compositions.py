"""Functions of NumPy that are others put together: no reading needs a rule of its own for them.

Each is what NumPy computes, in the order in which anybody would: a mean is a sum and a division.
"""

import math
import string
from collections.abc import Callable
from typing import Any

import numpy as np

#: Powers that are products, up to this one.
PRODUCTS = 8
#: What padding is made of copies of, beside constants; other modes compute it, or leave it undefined.
COPIED = ("edge", "reflect", "symmetric", "wrap")


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over how many there are."""
    return np.sum(x, axis=axis, keepdims=keepdims) / _count(x, axis)


def var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The mean square of what is left without the mean, over n - `ddof`."""
    squares = np.square(x - mean(x, axis, keepdims=True))
    return np.sum(squares, axis=axis, keepdims=keepdims) / (_count(x, axis) - ddof)


def std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The root of the variance."""
    return np.sqrt(var(x, axis, ddof, keepdims))


def matmul(a: Any, b: Any) -> Any:
    """The product of matrices, or of stacks of them; vectors are rows on the left and columns on the right."""
    left, right = len(np.shape(a)), len(np.shape(b))
    stack = string.ascii_lowercase[: max(left, right, 2) - 2]
    mine = stack[len(stack) - (left - 2) :] + "yx" if left > 1 else "x"
    other = stack[len(stack) - (right - 2) :] + "xz" if right > 1 else "x"
    result = stack + ("y" if left > 1 else "") + ("z" if right > 1 else "")
    return np.einsum(f"{mine},{other}->{result}", a, b)


def power(x: Any, exponent: Any) -> Any:
    """Whole powers as products, one half as a root. Raises TypeError for any other, which has no rule."""
    if not isinstance(exponent, int | float) or (2 * exponent) % 1 or abs(exponent) > PRODUCTS:
        raise TypeError("only whole powers up to 8 and halves have a rule")
    if exponent < 0:
        return 1 / power(x, -exponent)
    whole, half = divmod(exponent, 1)
    parts = [np.square(x)] * (int(whole) // 2) + [x] * (int(whole) % 2) + [np.sqrt(x)] * bool(half)
    return math.prod(parts[1:], start=parts[0]) if parts else x * 0 + 1


def pad(array: Any, pad_width: Any, mode: Any = "constant", **keywords: Any) -> Any:
    """Zeros around it, and the constants in their places; or copies of elements. Raises TypeError for other modes."""
    if mode == "constant":
        return _with_constants(array.padded(pad_width), np.shape(array), pad_width, **keywords)
    if mode not in COPIED or keywords.get("reflect_type", "even") != "even":
        told = "".join(f", {name}={one!r}" for name, one in {"mode": mode, **keywords}.items())
        raise TypeError(
            f"only constants and the modes {', '.join(COPIED)} of np.pad have a rule, not np.pad(...{told})"
        )
    return array.moved(lambda part: np.pad(part, pad_width, mode, **keywords))


def _with_constants(padded: Any, shape: tuple[int, ...], pad_width: Any, constant_values: Any = 0) -> Any:
    """The same with a number before and after each axis in place of the zeros; it is not rounded as an element is."""
    constants = np.broadcast_to(constant_values, (len(shape), 2))
    numbers = np.arange(1, constants.size + 1).reshape(constants.shape)
    places = np.pad(np.zeros(shape, int), pad_width, constant_values=numbers)  # where two meet the later axis has it
    for number, constant in zip(numbers.flat, map(float, constants.flat), strict=True):
        if constant != 0 or math.copysign(1.0, constant) < 0:
            padded = np.where(places == number, constant, padded)
    return padded


def _count(x: Any, axis: Any) -> int:
    """How many numbers a sum over `axis` adds up."""
    shape = np.shape(x)
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return math.prod(shape[one] for one in axes)


UFUNCS: dict[Any, Callable[..., Any]] = {np.matmul: matmul, np.power: power, np.reciprocal: lambda x: 1 / x}
FUNCTIONS: dict[Any, Callable[..., Any]] = {np.mean: mean, np.var: var, np.std: std, np.pad: pad}
