"""Memory maps: Linux lets a process have so many, and each program that XLA has loaded for the CPU takes about 25.

Past the limit XLA can load nothing more and says "INTERNAL: Failed to materialize symbols", of whichever program comes
next. So where more than half are taken, all programs are let go; those that are asked for again are read once more.
"""

import gc
from collections.abc import Callable
from itertools import count
from pathlib import Path

import jax

#: The maps of this process, a line each, and how many it may have.
MAPS, MOST = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
#: Requests between two looks: to count the maps takes as long as one of them.
EVERY = 64
_requests = count(1)


def make_room(let_go: Callable[[], None]) -> None:
    """Now and then: lets all programs go, JAX's own and by `let_go` those kept elsewhere, where that is needed."""
    if not next(_requests) % EVERY and crowded():
        let_go()
        jax.clear_caches()
        gc.collect()


def crowded() -> bool:
    """Whether more than half of the maps are taken; elsewhere than on Linux nobody says so."""
    try:
        return 2 * MAPS.read_bytes().count(b"\n") > int(MOST.read_text())
    except (OSError, ValueError):
        return False
