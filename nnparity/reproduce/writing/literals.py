"""Arrays as text that gives the same numbers to the bit: hexadecimal floats while they are few, packed beyond."""

import base64
import textwrap
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: More numbers than this nobody reads.
READABLE = 256
WIDTH = 108

NUMBERS = '''
def numbers(text, *shape):
    """Floats written in hexadecimal: the very bits."""
    return np.array([float.fromhex(word) for word in text.split()]).reshape(shape)
'''
PACKED = '''
def packed(text, kind, *shape):
    """Many numbers, compressed, in the shortest format that holds them all."""
    raw = zlib.decompress(base64.b85decode("".join(text.split())))
    return np.frombuffer(raw, kind).astype(np.float64).reshape(shape)
'''
#: The formats, the shortest first.
_KINDS = ("<f2", "<f4", "<f8")


def written(array: Array) -> str:
    """An expression of the array: float64, or integers of its own dtype."""
    if array.dtype.kind in "iub":
        shape = f".reshape({array.shape})" if array.ndim != 1 else ""
        return f"np.array({_several(str(array.ravel().tolist()))}, np.{array.dtype.name}){shape}"
    numbers = array.astype(np.float64)
    shape = "".join(f", {size}" for size in array.shape)
    flat = numbers.ravel()
    if flat.size > 1 and len(set(map(hexadecimal, flat.tolist()))) == 1:
        return f"np.full({array.shape}, float.fromhex({hexadecimal(flat[0])!r}))"
    if flat.size <= READABLE:
        return f'numbers("{_filled(" ".join(map(hexadecimal, flat.tolist())))}"{shape})'
    kind = next(one for one in _KINDS if _holds(flat, one))
    text = base64.b85encode(zlib.compress(flat.astype(kind).tobytes(), 9)).decode()
    lines = "\n".join(text[start : start + WIDTH] for start in range(0, len(text), WIDTH))
    return f'packed("""\n{lines}\n""", "{kind}"{shape})'


def _holds(numbers: Array, kind: str) -> bool:
    """Whether a format has all the numbers to the bit, NaN and the signs of zeros too."""
    with np.errstate(over="ignore"):
        return numbers.astype(kind).astype(np.float64).tobytes() == numbers.tobytes()


def hexadecimal(value: float) -> str:
    """As `float.hex`, without the zeros at the end; ``float.fromhex`` reads it."""
    mantissa, mark, exponent = float(value).hex().partition("p")
    if not mark:
        return mantissa
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent.removeprefix('+')}"


def _several(text: str) -> str:
    """A list that is long, in lines."""
    return text if len(text) < WIDTH else f"[\n{textwrap.fill(text[1:-1], WIDTH)},\n]"


def _filled(text: str) -> str:
    """The words, in lines; as one string in triple quotes where they are several."""
    lines = textwrap.wrap(text, WIDTH)
    return text if len(lines) < 2 else '""\n' + "\n".join(lines) + '\n""'
