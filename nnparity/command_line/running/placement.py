"""Where a plan is run: in processes of this machine, or on a Ray cluster. Both give the same run file and report."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from nnparity.command_line.options import JOBS
from nnparity.execute.limits import allowed
from nnparity.run.engines.cluster import CLIENT, RAY, Cluster, meant
from nnparity.run.engines.engine import Engine
from nnparity.run.engines.processes import Processes
from nnparity.run.engines.units import dealt, sensible
from nnparity.run.plan import Plan
from nnparity.spec.usage import UsageError

#: The engine that needs nothing else.
PROCESSES = "processes"

On = Annotated[
    str,
    typer.Option("--on", help="processes, ray (here, or at RAY_ADDRESS), ray://HEAD:10001, or ray: and Ray's address"),
]
Share = Annotated[
    int | None,
    typer.Option(
        "--jobs", help="processes that share the plan, one a core, at most 4; on Ray actors, one a CPU or GPU", min=1
    ),
]
Pip = Annotated[
    list[str] | None,
    typer.Option("--pip", help="BACKEND=REQUIREMENT, for a Ray runtime environment of its own; may be repeated"),
]


def placed(
    on: str,
    plan: Plan,
    jobs: int | None,
    timeout: float,
    store: Path | None,
    scratch: Path,
    pip: list[str] | None = None,
    begun: Iterable[str] = (),
) -> Engine:
    """The engine that `on` names. Raises UsageError for one that is not to be had.

    In processes that share a store each has targets of its own; without one they would compute the same expectations.
    `begun` are the units of a run that is gone on with.
    """
    allowed()
    requirements = _requirements(pip or [], plan)
    if meant(on):
        return Cluster(on, plan, jobs, timeout, store, requirements)
    if on != PROCESSES:
        raise UsageError(f"--on {on} is none: it is {PROCESSES}, {RAY}, {CLIENT}HOST:PORT or {RAY}:ADDRESS")
    if requirements:
        raise UsageError("--pip makes a Ray runtime environment: it goes with --on ray")
    count = sensible(jobs or JOBS, plan)
    crews = dealt(plan.targets, count if store else 1, begun)
    return Processes(count, timeout, store, scratch, crews)


def at_once(on: str, jobs: int | None) -> int:
    """How many processes of this machine share what is done after the plan, wherever that was run."""
    return jobs or JOBS if on == PROCESSES else JOBS


def _requirements(told: list[str], plan: Plan) -> dict[str, list[str]]:
    """What `--pip` says of each backend."""
    found: dict[str, list[str]] = {}
    for one in dict.fromkeys(told):
        backend, _, requirement = one.partition("=")
        if not requirement or backend not in {target.backend for target in plan.targets}:
            raise UsageError(
                f"--pip {one} is none: it is BACKEND=REQUIREMENT, such as torch=torch==2.6.0, of a --backend"
            )
        found.setdefault(backend, []).append(requirement)
    return found
