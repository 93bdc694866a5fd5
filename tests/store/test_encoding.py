"""Entries: what goes in comes out bit for bit, and no bit can be flipped unseen."""

import struct
from typing import Any

import ml_dtypes
import msgspec
import numpy as np
import pytest

from nnparity.store.encoding import ALIGNED, CHECKSUM, DamagedEntry, Unencodable, _checksum, decode, encode

KEY = b"key"
ODD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308, 0.1])


@pytest.mark.parametrize(
    "result",
    [
        None,
        {"steps": 3, "low": -0.0, "far": float("inf"), "text": "zeros", "flag": True, "none": None},
        ["zeros", "the negative"],
        [],
        -1.5,
    ],
)
def test_plain_values_come_back(result: Any) -> None:
    assert decode(KEY, encode(KEY, result)) == result
    assert repr(decode(KEY, encode(KEY, result))) == repr(result)


@pytest.mark.parametrize(
    "array",
    [
        ODD,
        ODD[:6].astype(np.float32),
        np.array(-0.0),
        np.zeros((0, 3)),
        np.arange(24).reshape(2, 3, 4),
        np.arange(24.0).reshape(4, 6).T,
        np.arange(24.0)[::2],
        np.broadcast_to(np.arange(3.0), (2, 3)),
        np.array([True, False]),
        np.arange(5, dtype=np.uint8),
    ],
)
def test_arrays_come_back_bit_for_bit(array: Any) -> None:
    first, second = decode(KEY, encode(KEY, [array, ODD[:3]]))
    assert (first.dtype, first.shape, first.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert second.tobytes() == ODD[:3].tobytes()
    assert not first.flags.writeable
    assert first.ctypes.data % ALIGNED == second.ctypes.data % ALIGNED == 0


@pytest.mark.parametrize(
    "odd", [np.array([object()]), np.zeros(2, ml_dtypes.bfloat16), np.zeros(2, ">f8"), object(), 1j]
)
def test_what_has_no_place_in_an_entry_is_refused(odd: Any) -> None:
    with pytest.raises(Unencodable):
        encode(KEY, {"odd": odd})


def test_every_flipped_bit_is_seen() -> None:
    entry = encode(KEY, {"output": [np.arange(3.0), 1.5, None]})
    for place in range(len(entry)):
        for bit in range(8):
            flipped = bytearray(entry)
            flipped[place] ^= 1 << bit
            with pytest.raises(DamagedEntry):
                decode(KEY, bytes(flipped))


def test_a_truncated_or_longer_entry_is_seen() -> None:
    entry = encode(KEY, np.arange(3.0))
    for odd in (*(entry[:end] for end in range(len(entry))), entry + b"\0"):
        with pytest.raises(DamagedEntry):
            decode(KEY, odd)


@pytest.mark.parametrize("odd", [None, 3, "text", memoryview(b"bytes")])
def test_what_is_no_bytes_is_damaged(odd: object) -> None:
    with pytest.raises(DamagedEntry):
        decode(KEY, odd)


def test_an_entry_under_another_key_is_damaged() -> None:
    with pytest.raises(DamagedEntry):
        decode(b"other", encode(KEY, 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("<I", 2**31),
        struct.pack("<I", 1) + b"\xc1",
        encode(KEY, np.arange(3.0))[CHECKSUM:-ALIGNED],
        encode(KEY, np.arange(3.0))[CHECKSUM:].replace(b"<f8", b"<z8"),
    ],
    ids=["empty", "a head longer than all", "no MessagePack", "an array without its end", "no dtype"],
)
def test_what_is_wrong_behind_a_right_checksum_is_damaged_too(body: bytes) -> None:
    with pytest.raises(DamagedEntry):
        decode(KEY, _checksum(KEY, body) + body)


def entry_of(head: bytes, data: bytes = bytes(64)) -> bytes:
    """An entry whose checksum fits, whatever it holds."""
    body = struct.pack("<I", len(head)) + head
    body += bytes(-(CHECKSUM + len(body)) % ALIGNED) + data
    return _checksum(KEY, body) + body


@pytest.mark.parametrize("name", ["|O", "V8", "<f8,<f8", "<U4", "<M8[s]", ">f8x", "<f8"])
@pytest.mark.parametrize(
    ("shape", "place"), [((8,), 0), ((-8,), 0), ((1,), -8), ((2**62,), 0), ((2**63,), 0), ((1,) * 99, 0)]
)
def test_an_array_of_anything_but_numbers_is_damaged(name: str, shape: tuple[int, ...], place: int) -> None:
    """Bytes that were taken for objects would be pointers into anywhere."""
    head = msgspec.msgpack.encode(msgspec.msgpack.Ext(1, msgspec.msgpack.encode((name, shape, place))))
    if (name, shape, place) == ("<f8", (8,), 0):
        assert decode(KEY, entry_of(head)).tobytes() == bytes(64)
        return
    with pytest.raises(DamagedEntry):
        decode(KEY, entry_of(head))


def test_an_entry_that_is_nested_too_deep_is_damaged() -> None:
    with pytest.raises(DamagedEntry):
        decode(KEY, entry_of(b"\x91" * 100_000 + b"\xc0"))


@pytest.mark.parametrize("key", [7, None, "text", bytes(65)])
def test_a_key_that_is_none_is_damaged(key: object) -> None:
    with pytest.raises(DamagedEntry):
        decode(key, encode(KEY, 1))
