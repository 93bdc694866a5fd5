"""A kept result as bytes: plain values and NumPy arrays in MessagePack, so that reading one back runs no code.

An entry is a checksum, the length of a head, the head, and behind it the arrays' own bytes, each at a multiple of
ALIGNED. The checksum covers the key too: an entry under another's name is as damaged as one with a bit flipped.
"""

import hashlib
import struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

#: Of the layout below; whoever changes it counts on.
FORMAT = 1
CHECKSUM = 16
#: Arrays lie as NumPy itself places them: what reads them takes the same steps, and so adds up in the same order.
ALIGNED = 16
#: Kinds of dtypes whose bytes are their numbers: no objects, no fields.
PLAIN = "biuf"
_ARRAY = 1
_LENGTH = struct.Struct("<I")


class DamagedEntry(ValueError):
    """An entry that is not what was written."""


class Unencodable(TypeError):
    """A result that has no place in an entry."""


def encode(key: bytes, result: Any) -> bytes:
    """The entry of a result: of None, numbers, texts, lists, dicts by text, and arrays of numbers."""
    arrays: list[bytes] = []

    def placed(value: Any) -> msgspec.msgpack.Ext:
        if not isinstance(value, np.ndarray) or value.dtype.kind not in PLAIN or not value.dtype.isnative:
            raise Unencodable(f"no entry can hold a {type(value).__name__}")
        place = sum(map(len, arrays))
        arrays.append(_padded(value.tobytes()))
        return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode((value.dtype.str, value.shape, place)))

    head = msgspec.msgpack.encode(result, enc_hook=placed)
    front = _padded(bytes(CHECKSUM) + _LENGTH.pack(len(head)) + head)[CHECKSUM:]
    body = b"".join((front, *arrays))
    return _checksum(key, body) + body


def decode(key: Any, entry: Any) -> Any:
    """The result of an entry; tuples come back as lists, arrays cannot be written to. Raises DamagedEntry."""
    if not isinstance(key, bytes) or len(key) > hashlib.blake2b.MAX_KEY_SIZE:
        raise DamagedEntry("its key is none")
    if not isinstance(entry, bytes) or entry[:CHECKSUM] != _checksum(key, memoryview(entry)[CHECKSUM:]):
        raise DamagedEntry("the checksum is another")
    try:
        return _decoded(entry)
    except (msgspec.DecodeError, struct.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DamagedEntry(str(error)) from error


def _decoded(entry: bytes) -> Any:
    (length,) = _LENGTH.unpack_from(entry, CHECKSUM)
    begin = CHECKSUM + _LENGTH.size
    arrays = -(-(begin + length) // ALIGNED) * ALIGNED

    def array(code: int, data: memoryview) -> NDArray[Any]:
        name, shape, place = msgspec.msgpack.decode(data, type=tuple[str, tuple[int, ...], int])
        dtype = np.dtype(name)
        if dtype.kind not in PLAIN or min((place, *shape)) < 0:  # of objects the bytes would be taken for pointers
            raise DamagedEntry(f"it has an array of {name}, {shape}, at {place}")
        return np.ndarray(shape, dtype, entry, arrays + place)

    return msgspec.msgpack.decode(memoryview(entry)[begin : begin + length], ext_hook=array)


def _checksum(key: bytes, body: Any) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECKSUM, key=key).digest()


def _padded(data: bytes) -> bytes:
    """Filled up, so that what follows is aligned."""
    return data + bytes(-len(data) % ALIGNED)
