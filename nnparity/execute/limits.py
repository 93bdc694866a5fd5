"""How much memory and time the process of a target may have, so that one that takes all there is fails by itself.

Where it asks for more it gets none, and says so (``MemoryError``); and where the machine runs out all the same, Linux
ends it before the harness.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from nnparity.spec.usage import UsageError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

#: Seconds of the longest time limit: the system counts what it waits for in milliseconds, up to 2^31.
LONGEST = 2_000_000
#: The environment variable with the GiB of each target; `UNLIMITED` for no limit.
MEMORY = "NNPARITY_MEMORY"
UNLIMITED = "off"
#: Of the machine's memory, what a target may have where nobody says.
SHARE = 0.75
#: What is said where a process gets no more memory: by Python, by the loader of libraries, by the system, by C++.
DENIED = ("MemoryError", "failed to map segment", "Cannot allocate memory", "bad_alloc")
#: Linux ends the process with the highest first. The harness has 0.
ENDED_FIRST = Path("/proc/self/oom_score_adj"), "1000"


def allowed() -> int | None:
    """Bytes that a target may have, None for any number. Raises UsageError for a limit that is none."""
    told = os.environ.get(MEMORY, "")
    if told == UNLIMITED:
        return None
    if not told:
        return _usual()
    with suppress(ValueError):
        if 1 <= (most := float(told) * 2**30) <= sys.maxsize:
            return int(most)
    raise UsageError(f"{MEMORY}={told}: so many GiB, fewer than 2^33, or {UNLIMITED}")


def with_limit(said: str) -> str:
    """What a process has said that could not be started; where it was denied memory, with how much it may have."""
    most = allowed()
    if most is None or not any(words in said for words in DENIED):
        return said
    told = os.environ.get(MEMORY)
    limit = f"{MEMORY}={told}" if told else f"{SHARE:.0%} of the machine's, unless {MEMORY} says otherwise"
    return f"{said.rstrip(': ')}; it may have {most / 2**30:.3g} GiB of memory ({limit})"


def time_limit(seconds: float) -> float:
    """The time limit of a case. Raises UsageError for one that is none, or past what the system can wait for."""
    if not 0 < seconds <= LONGEST:
        raise UsageError(f"a time limit of {seconds:g} s is none: it is more than 0, and at most {LONGEST:,} s")
    return seconds


def _usual() -> int | None:
    try:
        return int(SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None


def limit(most: int | None) -> None:
    """Holds this process, and what it starts, to so many bytes of data each; it is the first to go in need."""
    path, score = ENDED_FIRST
    with suppress(OSError):
        path.write_text(score)
    if most is not None and resource is not None:
        # not RLIMIT_AS: frameworks reserve addresses by the terabyte and use few
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))
