"""JAX's own cache of compiled programs: where it lies, what goes into it, how many programs came out of it."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import jax

from nnparity.adapters.request import PROGRAMS

COMPILED, CACHED = "compiled", "from the cache"
#: What JAX tells of each program that it needs, compiled or not, and of each that it finds compiled.
NEEDED, FOUND = "/jax/core/compile/backend_compile_duration", "/jax/compilation_cache/cache_hits"
counted: Counter[str] = Counter()


def folder() -> Path | None:
    """Where programs lie: in the folder that JAX is told of by its own variable, else in the suite's.

    A folder for each number of threads: XLA shares a large loop out when it compiles, and JAX's key does not say so.
    """
    own, ours = os.environ.get("JAX_COMPILATION_CACHE_DIR"), os.environ.get(PROGRAMS)
    place = Path(own) if own else Path(ours, "jax") if ours else None
    return place and place / f"threads-{os.environ.get('NPROC') or len(os.sched_getaffinity(0))}"


def keep() -> None:
    """Has JAX keep all programs, however small and soon compiled, and counts them from now on."""
    if place := folder():
        jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.monitoring.register_event_duration_secs_listener(_needed)
    jax.monitoring.register_event_listener(_found)


def _needed(event: str, _seconds: float, **_: Any) -> None:
    if event == NEEDED:
        counted[COMPILED] += 1


def _found(event: str, **_: Any) -> None:
    if event == FOUND:
        counted.update({CACHED: 1, COMPILED: -1})
