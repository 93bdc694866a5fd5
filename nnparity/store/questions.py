"""The name of a computation: a hash of which function was asked what, and of all the code that answers.

What is asked is told in plain values. A function among the arguments is told by where it is written, with the digest of
that file; what cannot be told has no name, and is not kept.
"""

import dataclasses
import hashlib
import inspect
from collections.abc import Mapping
from functools import cache, singledispatch
from pathlib import Path
from types import FunctionType
from typing import Any

import msgspec
import numpy as np

from nnparity.store.encoding import FORMAT
from nnparity.store.sources import digest

#: Classes and functions that may be told by their names.
OURS = "nnparity."


class Nameless(Exception):
    """Something that cannot be told in plain values."""


def key(rooms: tuple[str, ...], name: str, asked: Any) -> bytes:
    """The key of a computation: what was `asked`, in plain values, of the function `name`, by code of those rooms."""
    question = msgspec.msgpack.encode((FORMAT, digest(*rooms), name, asked))
    return hashlib.blake2b(question, digest_size=20).digest()


@singledispatch
def told(value: Any) -> Any:
    """`value` in plain values; of our own dataclasses all fields. Raises Nameless."""
    if not dataclasses.is_dataclass(value) or not type(value).__module__.startswith(OURS):
        raise Nameless(f"{type(value).__name__} cannot be told")
    return [type(value).__qualname__, *(told(getattr(value, field.name)) for field in dataclasses.fields(value))]


@told.register(type(None) | bool | int | float | str | bytes)
def _(value: Any) -> Any:
    return value


@told.register(list | tuple)
def _(value: Any) -> Any:
    return ["list", *map(told, value)]


@told.register(set | frozenset)
def _(value: Any) -> Any:
    return ["set", *sorted(map(told, value))]


@told.register
def _(value: Mapping) -> Any:  # type: ignore[type-arg]  # what is registered is the class
    return ["mapping", *sorted([name, told(one)] for name, one in value.items())]


@told.register(np.ndarray | np.generic)  # numpy.float64 is a float, which nobody encodes as one
def _(value: Any) -> Any:
    return ["array", str(value.dtype), value.shape, hashlib.blake2b(value.tobytes(), digest_size=16).digest()]


@told.register(type | np.dtype)
def _(value: Any) -> Any:
    return ["type", str(value)]


@told.register
def _(value: FunctionType) -> Any:
    """Where it is written, and what it has taken along."""
    if not value.__module__.startswith(OURS):
        raise Nameless(f"{value.__qualname__} is not ours")
    taken = [told(cell.cell_contents) for cell in value.__closure__ or ()]
    place = value.__code__.co_firstlineno
    return ["function", value.__module__, value.__qualname__, place, _digest(inspect.getfile(value)), *taken]


@cache
def _digest(path: str) -> bytes:
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).digest()
