"""While a case is evaluated, an operation on the very same operands is done once.

A VJP computes what its formula has computed already, and the derivative of a derivative what either has. Operands are
told apart by which objects they are, plain numbers and small arrays by what they hold; so readings are never changed
once they are made.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import numpy as np

Result = TypeVar("Result")
#: Bytes of a plain array that is told by what it holds; larger ones are not told.
SMALL = 1024
#: Numbers of a result that is kept, at most: larger ones would fill the memory.
LARGE = 1 << 15
#: Numbers that are kept in all; then all are forgotten.
LIMIT = 1 << 21


class _Untold(Exception):
    """An operand that has no name."""


class _Results:
    """What was computed, by which operation on what; operands are held, so that no other object takes their place."""

    def __init__(self) -> None:
        self._found: dict[Any, tuple[Any, Any]] = {}
        self._numbers = 0

    def once(self, asked: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """See below."""
        try:
            key = _told(asked)
        except _Untold:
            return compute()
        found = self._found.get(key)
        return self._keep(key, asked, compute()) if found is None else found[1]

    def _keep(self, key: Any, asked: tuple[Any, ...], result: Any) -> Any:
        size = math.prod(getattr(result, "shape", ()))
        if size <= LARGE:
            if self._numbers > LIMIT:
                self._found, self._numbers = {}, 0
            self._numbers += size
            self._found[key] = asked, result
        return result


_results: ContextVar[_Results | None] = ContextVar("results", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """For a while the operations that ask `once` are done once."""
    before = _results.set(_Results())
    try:
        yield
    finally:
        _results.reset(before)


def once(asked: tuple[Any, ...], compute: Callable[[], Result]) -> Result:
    """What was computed when the same was `asked`, an operation and its operands; else what `compute` gives."""
    results = _results.get()
    return compute() if results is None else cast(Result, results.once(asked, compute))


def _told(x: Any) -> Any:
    """What tells an operand from others, as a key."""
    tell = _TOLD.get(type(x))
    if tell is not None:
        return tell(x)
    if getattr(type(x), "identified", False):
        return id, id(x)
    if callable(x):
        return x
    raise _Untold


def _array(x: Any) -> Any:
    if x.nbytes > SMALL:
        raise _Untold
    return x.dtype.str, x.shape, x.tobytes()


def _several(x: Any) -> Any:
    return (type(x), *map(_told, x))


_TOLD: dict[type, Callable[[Any], Any]] = {
    str: lambda x: x,
    type(None): lambda x: x,
    type(...): lambda x: x,
    bool: lambda x: (bool, x),
    int: lambda x: (int, x),
    float: lambda x: (float, x, math.copysign(1.0, x)),
    slice: lambda x: (slice, x.start, x.stop, x.step),
    dict: lambda x: (dict, *((name, _told(one)) for name, one in sorted(x.items()))),
    tuple: _several,
    list: _several,
    np.ndarray: _array,
    np.float64: _array,
}
