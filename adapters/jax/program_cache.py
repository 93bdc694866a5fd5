"""JAX's own cache of compiled programs: where it lies, what goes into it, how many programs came out of it.

And when they are let go again. Linux lets a process have so many memory maps, and each program that XLA has loaded for
the CPU takes about 25. Past the limit XLA can load nothing more and says "INTERNAL: Failed to materialize symbols", of
whichever program comes next. So where more than half are taken, all programs are let go; those that are asked for again
are read once more.
"""

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from nnparity.adapters.request import PROGRAMS

#: Its own variable.
JAX_FOLDER = "JAX_COMPILATION_CACHE_DIR"
COMPILED, CACHED = "compiled", "from the cache"
#: What JAX tells of each program that it needs, compiled or not, and of each that it finds compiled.
NEEDED, FOUND = "/jax/core/compile/backend_compile_duration", "/jax/compilation_cache/cache_hits"
counted: Counter[str] = Counter()
#: The maps of this process, a line each, and how many it may have.
MAPS, MOST = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
#: Requests between two looks: to count the maps takes as long as one of them.
EVERY = 64
_requests = count(1)


def folder() -> Path | None:
    """Where programs lie: in the folder that JAX is told of by its own variable, else in the suite's.

    A folder for each number of threads: XLA shares a large loop out when it compiles, and JAX's key does not say so.
    """
    place = os.environ.get(JAX_FOLDER)
    return Path(place, _threads()) if place else ours()


def ours() -> Path | None:
    """The suite's own folder; None where there is none, or the user has JAX take another."""
    place = os.environ.get(PROGRAMS)
    return Path(place, "jax", _threads()) if place and not os.environ.get(JAX_FOLDER) else None


def _threads() -> str:
    return f"threads-{os.environ.get('PJRT_NPROC') or os.environ.get('NPROC') or len(os.sched_getaffinity(0))}"


def keep() -> None:
    """Has JAX keep all programs, however small and soon compiled, and counts them from now on."""
    if place := folder():
        jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.monitoring.register_event_duration_secs_listener(_needed)
    jax.monitoring.register_event_listener(_found)


@contextmanager
def unkept() -> Iterator[None]:
    """While this holds JAX neither reads a program nor keeps one: what it has read it cannot write once more."""
    before = jax.config.jax_enable_compilation_cache
    _enable(False)
    try:
        yield
    finally:
        _enable(before)


def _enable(cache: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", cache)
    compilation_cache.reset_cache()  # JAX asks for the setting once, when it first compiles


def _needed(event: str, _seconds: float, **_: Any) -> None:
    if event == NEEDED:
        counted[COMPILED] += 1


def _found(event: str, **_: Any) -> None:
    if event == FOUND:
        counted.update({CACHED: 1, COMPILED: -1})


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
