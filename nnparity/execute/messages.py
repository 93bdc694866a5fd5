"""Messages between the harness and the process of a target, as bytes: msgpack of plain values, checked when read.

No pickle: what a target answers must not run code in the harness. An array is its dtype, its shape and its bytes; that
they belong together is checked, so that whoever reads on has an array of numbers or of text, never one of objects.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import ml_dtypes
import msgspec
import numpy as np

from nnparity.adapters.request import Array, Failure, Request, native
from nnparity.execute.protocol import Response, TargetInfo

#: Formats that NumPy has no letter for.
NARROW = {name: np.dtype(getattr(ml_dtypes, name)) for name in ("bfloat16",)}
#: The letters of those that are plain numbers, text or dates.
KINDS = "?biufcSUmM"
Kind = Literal["error", "unsupported"]
#: Characters of a text from a target, beyond which it is cut.
LONGEST = 100_000


class MessageError(ValueError):
    """What came cannot be read."""


class _Array(msgspec.Struct, frozen=True, tag="array", array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Failure(msgspec.Struct, frozen=True, tag="failure", array_like=True):
    kind: Kind
    message: str
    raised_in: str


class _Response(msgspec.Struct, frozen=True, tag="response"):
    observation: dict[str, _Array | _Failure]
    seconds: float
    notes: dict[str, str]
    programs: dict[str, int]
    number: int


class _Info(msgspec.Struct, frozen=True, tag="info"):
    info: TargetInfo


class _Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """Why there is no target."""

    why: str


class _Requests(msgspec.Struct, frozen=True, tag="requests"):
    requests: list[dict[str, Any]]


_encode = msgspec.msgpack.Encoder().encode
_answers = msgspec.msgpack.Decoder(_Response | _Info | _Refusal)
_questions = msgspec.msgpack.Decoder(_Requests)
#: The fields of a request that are arrays by name.
ARRAYS = ("inputs", "cotangents", "tangents")


def of_answer(answer: Response | TargetInfo | str) -> bytes:
    """What a target says: a response, what it is, or why it cannot be."""
    if isinstance(answer, str):
        return _encode(_Refusal(text(answer)))
    if isinstance(answer, TargetInfo):
        return _encode(_Info(answer))
    observation = {text(name): _told(seen) for name, seen in answer.observation.items()}
    notes = {text(name): text(note) for name, note in answer.notes.items()}
    return _encode(_Response(observation, answer.seconds, notes, dict(answer.programs), answer.number))


def answer(message: bytes | bytearray) -> Response | TargetInfo | str:
    """What the message says. Raises MessageError."""
    try:
        found = _answers.decode(message)
        if isinstance(found, _Refusal):
            return found.why
        if isinstance(found, _Info):
            return found.info
        observation = {name: _read(seen) for name, seen in found.observation.items()}
        return Response(observation, found.seconds, found.notes, found.programs, found.number)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"the answer cannot be read: {error}") from error


def of_requests(requests: list[Request]) -> bytes:
    """What the harness asks."""
    return _encode(_Requests([_asked(request) for request in requests]))


def asked(message: bytes | bytearray) -> list[Request]:
    """The requests of a message."""
    return [_request(fields) for fields in _questions.decode(message).requests]


def text(value: Any) -> str:
    """As text that can be shown anywhere, no longer than anybody reads.

    Surrogates, and what steers a terminal or the direction of writing, stand there as their numbers.
    """
    told = str(value)[:LONGEST]
    return told if told.isprintable() else "".join(map(_visible, told))


def _visible(character: str) -> str:
    shown = character.isprintable() or character in "\n\t"
    return character if shown else character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _asked(request: Request) -> dict[str, Any]:
    fields = {name: getattr(request, name) for name in Request.__dataclass_fields__ if name not in ARRAYS}
    arrays = {name: {key: _told(x) for key, x in getattr(request, name).items()} for name in ARRAYS}
    return fields | arrays


def _request(fields: Mapping[str, Any]) -> Request:
    arrays = {name: {key: _read(msgspec.convert(x, _Array)) for key, x in fields[name].items()} for name in ARRAYS}
    tuples = {name: tuple(fields[name]) for name in ("wrt", "outputs", "mapped", "members", "output_at")}
    sets = {name: frozenset(fields[name]) for name in ("quantities", "together")}
    return Request(**{**fields, **arrays, **tuples, **sets})


def _told(seen: Array | Failure) -> _Array | _Failure:
    if isinstance(seen, Failure):
        kind: Kind = "unsupported" if seen.kind == "unsupported" else "error"
        return _Failure(kind, text(seen.message), text(seen.raised_in))
    return _Array(_name(seen.dtype), seen.shape, seen.tobytes())


def readable(dtype: np.dtype[Any]) -> bool:
    """Whether an array of it can be told: a format of `ml_dtypes` such as float8 may have a name that NumPy has not."""
    try:
        return _dtype(_name(dtype)) == dtype
    except MessageError:
        return False


def _name(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.name in NARROW else dtype.str


def _read(told: _Array | _Failure) -> Any:
    if isinstance(told, _Failure):
        return Failure(told.kind, told.message, told.raised_in)
    dtype = _dtype(told.dtype)
    if min(told.shape, default=0) < 0 or math.prod(told.shape) * dtype.itemsize != len(told.data):
        raise MessageError(f"{len(told.data)} bytes are no array of {told.dtype} and shape {told.shape}")
    return native(np.frombuffer(told.data, dtype).reshape(told.shape).copy())  # where NumPy's own arrays begin


def _dtype(name: str) -> np.dtype[Any]:
    try:
        dtype = NARROW.get(name) or np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise MessageError(f"there is no dtype {name!r}") from error
    if (dtype.kind not in KINDS and name not in NARROW) or not dtype.itemsize:
        raise MessageError(f"an array of {name!r} holds no numbers")
    return dtype
