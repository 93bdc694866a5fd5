"""Run as a program: one backend, some cases, and the quantities found wrong, as JSON on the last line.

Each framework gets a process of its own: imported together they disturb one another.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from nnparity.adapters.base import Adapter
from nnparity.adapters.registry import load
from nnparity.adapters.request import Failure
from nnparity.tests.adapters.compare import wrong
from nnparity.tests.adapters.formulas import CASES, DTYPES

#: mode/case/dtype -> the quantities found wrong.
Survey = dict[str, list[str]]

ALL = tuple(CASES)
OUTPUT, FIRST, EVERYTHING = ("output",), ("output", "grad"), ("output", "grad", "jvp", "hvp")


@dataclass(frozen=True)
class Plan:
    """What to look at in a mode: these families in float64, those in the narrower dtypes, of some formulas."""

    formulas: tuple[str, ...] = ALL
    mode: str = "eager"
    float64: tuple[str, ...] = EVERYTHING
    narrower: tuple[str, ...] = FIRST


def survey(backend: str, *plans: Plan) -> Survey:
    """What a new process finds wrong."""
    command = [sys.executable, "-m", __name__, backend, *(json.dumps(asdict(plan)) for plan in plans)]
    # One thread: two that wait for each other on a busy machine take ten times as long on small arrays.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    found: Survey = json.loads(done.stdout.splitlines()[-1])
    return found


def _main(backend: str, *plans: str) -> None:
    found = {case: keys for plan in plans for case, keys in _look(backend, Plan(**json.loads(plan))) if keys}
    sys.stdout.write(json.dumps(found) + "\n")


def _look(backend: str, plan: Plan) -> Iterator[tuple[str, list[str]]]:
    adapter = load(backend)("cpu", plan.mode)
    for dtype in DTYPES if plan.narrower else DTYPES[:1]:
        families = frozenset(plan.float64 if dtype == "float64" else plan.narrower)
        for name in plan.formulas:
            yield f"{plan.mode}/{name}/{dtype}", _wrong(adapter, name, dtype, families)


def _wrong(adapter: Adapter, name: str, dtype: str, families: frozenset[str]) -> list[str]:
    case = CASES[name]
    request = case.request(name, dtype, families if case.differentiated else frozenset(OUTPUT))
    for group in (request.inputs, request.cotangents, request.tangents):
        for array in group.values():
            array.flags.writeable = False
    seen = adapter.observe(request)
    if name in adapter.unsupported:
        # Said, with the reason, in place of every quantity; anything else is listed.
        reason = Failure("unsupported", adapter.unsupported[name])
        return sorted(key for key in seen if seen[key] != reason)
    return sorted(wrong(case, request, seen))


if __name__ == "__main__":
    _main(*sys.argv[1:])
