"""JAX's programs: let go before a process has no memory maps left, and read once more where they are asked for."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed"),
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="nobody says how many maps there are"),
]

#: tanh of so many sizes, each as a program of its own, where so many maps are allowed; then the first size again.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from nnparity.adapters.jax import program_cache
from nnparity.adapters.jax.backend import JaxAdapter
from nnparity.adapters.request import Request

program_cache.MOST = Path(sys.argv[1])
adapter, found, maps = JaxAdapter("cpu", sys.argv[2]), [], []
for size in [*range(1, 200), 1]:
    seen = adapter.observe(Request("tanh", {"x": np.full((1, size), 0.5, np.float32)}, wrt=("x",)))
    found.append(seen["output"].ravel().tolist())
    maps.append(Path("/proc/self/maps").read_bytes().count(b"\\n"))
print(json.dumps([found, maps]))
"""


def computed(folder: Path, most: int, mode: str) -> tuple[list[list[float]], list[int]]:
    """The results, and how many maps there were after each."""
    (folder / "most").write_text(f"{most}\n")
    command = [sys.executable, "-c", SCRIPT, str(folder / "most"), mode]
    around = os.environ | {"NNPARITY_CACHE": str(folder)}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=around)
    results, maps = json.loads(found.stdout)
    return results, maps


@pytest.mark.parametrize("mode", ["compiled", "eager"])
def test_programs_are_let_go_before_there_are_too_many_maps_and_results_stay(tmp_path: Path, mode: str) -> None:
    kept, many = computed(tmp_path, 10**9, mode)
    let_go, few = computed(tmp_path, 2 * (many[0] + 100), mode)
    assert kept == let_go
    assert [len(one) for one in kept] == [*range(1, 200), 1]
    assert kept[0] == kept[-1]
    assert many == sorted(many), "each program has maps of its own"
    assert max(before - after for before, after in pairwise(few)) > 100
    assert few[-1] < many[-1] - 100
