"""Run as a program: one target, every case, and the quantities found wrong, as JSON on the last line.

Each framework gets a process of its own: imported together they disturb one another.
"""

import json
import subprocess
import sys
from typing import Any

from nnparity.adapters.registry import load
from nnparity.adapters.request import Failure
from nnparity.tests.adapters.compare import wrong
from nnparity.tests.adapters.formulas import CASES, DTYPES

Survey = dict[str, dict[str, Any]]
EVERYTHING = frozenset({"output", "grad", "jvp", "hvp"})


def survey(backend: str, mode: str = "eager", narrow: str = "output grad") -> Survey:
    """Ask a new process: case/dtype -> {"wrong": [...], "failures": {quantity: message}}."""
    command = [sys.executable, "-m", __name__, backend, mode, narrow]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: Survey = json.loads(done.stdout.splitlines()[-1])
    return found


def _main(backend: str, mode: str, narrow: str) -> None:
    adapter = load(backend)("cpu", mode)
    found: Survey = {"": {"missing": sorted(CASES.keys() - adapter.kernels().keys())}}
    for name, case in CASES.items():
        for dtype in DTYPES if narrow else DTYPES[:1]:
            asked = EVERYTHING if dtype == "float64" else frozenset(narrow.split())
            request = case.request(name, dtype, asked if case.differentiated else frozenset({"output"}))
            for array in (*request.inputs.values(), *request.cotangents.values(), *request.tangents.values()):
                array.flags.writeable = False
            seen = adapter.observe(request)
            failures = {key: x.message for key, x in seen.items() if isinstance(x, Failure)}
            found[f"{name}/{dtype}"] = {"wrong": sorted(wrong(case, request, seen)), "failures": failures}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
