"""How much memory the process of a target may have, so that one that takes all there is fails by itself.

Where it asks for more it gets none, and says so (``MemoryError``); and where the machine runs out all the same, Linux
ends it before the harness.
"""

import math
import os
from contextlib import suppress
from pathlib import Path

from nnparity.spec.usage import UsageError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

#: The environment variable with the GiB of each target; `UNLIMITED` for no limit.
MEMORY = "NNPARITY_MEMORY"
UNLIMITED = "off"
#: Of the machine's memory, what a target may have where nobody says.
SHARE = 0.75
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
        if 0 < float(told) < math.inf:
            return int(float(told) * 2**30)
    raise UsageError(f"{MEMORY}={told}: so many GiB, or {UNLIMITED}")


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
