"""How the thread that calls computes: whether it flushes subnormal numbers, and which way it rounds.

That is a state of the processor for each thread. A kernel that changes it and does not put it back changes whatever
is computed after it, by others too: that is an error of its own, and what comes after is not to be blamed for it.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

#: The smallest normal number, the smallest subnormal one, and one that is lost beside 1.
TINY, LEAST, BIT = 2.0**-1022, 2.0**-1074, 2.0**-60
#: More bytes than any C library's `fenv_t` has.
ROOM = 256


class LeftOtherwise(ValueError):
    """The floating-point state of the thread is not what it was."""


def state() -> tuple[bool, ...]:
    """What this thread's arithmetic does, seen by five numbers: the interpreter uses the same unit as a kernel."""
    one = 1.0
    return TINY * 0.5 == 0.0, LEAST * TINY**-1 == 0.0, one + BIT != one, -one - BIT != -one, one - BIT != one


def said(now: tuple[bool, ...]) -> str:
    """A state in words."""
    results, inputs, up, down, inwards = now
    told = ["flushes subnormal results to zero"] if results else []
    told += ["takes subnormal inputs for zero"] if inputs else []
    told += ["rounds up"] if up else ["rounds down"] if down else ["rounds towards zero"] if inwards else []
    return " and ".join(told) or "keeps subnormal numbers and rounds to nearest"


@contextmanager
def kept(what: str) -> Iterator[None]:
    """The state is put back where `what` has changed it, and then that is raised, unless something else was."""
    before, saved = state(), _saved()
    try:
        yield
    finally:
        after = state()
        if after != before:
            _put_back(saved)
    if after != before:
        raise LeftOtherwise(f"left behind by {what}: a thread that {said(after)}, and before it {said(before)}")


def _saved() -> ctypes.Array[ctypes.c_char] | None:
    """The state as the C library has it; None of one that has no such functions."""
    if _LIBRARY is None:
        return None
    there = ctypes.create_string_buffer(ROOM)
    _LIBRARY.fegetenv(there)
    return there


def _put_back(saved: ctypes.Array[ctypes.c_char] | None) -> None:
    if saved is not None and _LIBRARY is not None:
        _LIBRARY.fesetenv(saved)


def _library() -> ctypes.CDLL | None:
    try:
        found = ctypes.CDLL(None)
        return found if hasattr(found, "fegetenv") and hasattr(found, "fesetenv") else None
    except (OSError, TypeError):
        return None


_LIBRARY = _library()
