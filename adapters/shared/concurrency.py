"""The same program in two threads at once: what a kernel keeps for all callers, the other overwrites.

And several times one after the other: where a kernel's own threads are in each other's way it is not each time.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import takewhile
from threading import Event, Thread
from time import perf_counter
from typing import Any

import numpy as np

from nnparity.adapters.request import Array

#: Calls during which the other thread has made one: as many as are made in so many seconds, but no fewer and no more
#: than these, and no longer waited for than so many.
FEWEST, MEETINGS, SHORT, SECONDS = 4, 16, 0.01, 0.5
#: Seconds after which Python passes from one thread to another, in place of 0.005: that is longer than a small kernel.
TURN = 1e-6


def beside(
    call: Callable[[], dict[str, Array]], other: Callable[[], Any], scope: Callable[[], AbstractContextManager[Any]]
) -> dict[str, Array]:
    """Of the answers of `call`, while another thread goes on calling `other`, that which is least like the one before.

    What a framework is told of a thread is told the other one as well: that is `scope`. Both read what they have called
    for: of calls that are only queued one thread would make any number. Raises what either raises.
    """
    alone = call()
    with _turns(), _going_on(other, scope) as made:
        return max(_answers(call, made), key=lambda one: _apart(one, alone))


def repeatedly(call: Callable[[], dict[str, Array]]) -> dict[str, Array]:
    """Of the answers after the first that which is least like the first: so many calls as `SHORT` seconds take.

    One at least, and no more than `MEETINGS`.
    """
    first, begun = call(), perf_counter()
    in_time = takewhile(lambda made: not made or perf_counter() - begun <= SHORT, range(MEETINGS))
    return max((call() for _ in in_time), key=lambda one: _apart(one, first))


def _answers(call: Callable[[], dict[str, Array]], made: list[None]) -> list[dict[str, Array]]:
    """As many as it takes to meet the other thread, on a busy machine too; `made` grows by each call of that."""
    answers: list[dict[str, Array]] = []
    met, begun = 0, perf_counter()
    while met < MEETINGS and (not answers or perf_counter() - begun < (SECONDS if met < FEWEST else SHORT)):
        before = len(made)
        answers.append(call())
        met += len(made) > before
    return answers


@contextmanager
def _going_on(other: Callable[[], Any], scope: Callable[[], AbstractContextManager[Any]]) -> Iterator[list[None]]:
    """While this holds the other thread has called, and calls on; it tells each of its calls."""
    raised: list[Exception] = []
    made: list[None] = []
    begun, done = Event(), Event()

    def others() -> None:
        try:
            with scope():
                while not done.is_set():
                    other()
                    made.append(None)
                    begun.set()
        except Exception as error:  # noqa: BLE001  (raised in the thread that waits for this one)
            raised.append(error)
        begun.set()

    thread = Thread(target=others, daemon=True)
    thread.start()
    begun.wait()
    try:
        yield made
    finally:
        done.set()
        thread.join()
    if raised:
        raise raised[0]


@contextmanager
def _turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _apart(one: dict[str, Array], other: dict[str, Array]) -> float:
    """The largest difference of two numbers; infinite where it is none, or the shapes are others."""
    return max((_distance(one[name], other[name]) for name in other), default=0.0)


def _distance(a: Array, b: Array) -> float:
    if a.tobytes() == b.tobytes():
        return 0.0
    if a.shape != b.shape:
        return np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
