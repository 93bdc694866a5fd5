"""What ``nnparity mutate`` does: the faults of a plan planted in one target, and a run file with the tables."""

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from pathlib import Path

from nnparity.execute.target import Target, start
from nnparity.mutate.planting import Memory
from nnparity.mutate.score import Mutation, Planting
from nnparity.mutate.sensitivity_curve import Curve, curve
from nnparity.mutate.tables import tables
from nnparity.reference import packs
from nnparity.reports.chain import sealed
from nnparity.reports.records import MUTATION, Fact, Summary, TargetLine
from nnparity.run.engines.processes import sharing
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.verdicts import target_line
from nnparity.spec.usage import UsageError
from nnparity.store import memory

Part = tuple[list[Planting], list[Curve], TargetLine, memory.Tally]


def mutate(
    plan: Plan, path: Path, timeout: float, jobs: int, seen: Callable[[str], None], store: Path | None = None
) -> tuple[list[Planting], list[str]]:
    """Plants each fault in the plan's target, tells each formula as it is done, and writes the tables to a run file.

    What is expected, of every fault the same, is kept in the folder `store`, if there is one; verdicts are not. What
    was wrong with the store is returned behind the plantings.
    Raises UsageError for more than one target, TargetUnavailable for one that cannot be had.
    """
    if len(plan.targets) != 1:
        raise UsageError("faults are planted in one target at a time: name one --backend")
    found: dict[str, Part] = {}
    for id, part in _parts(plan, timeout, jobs, store):
        found[id] = part
        seen(id)
    in_order = [found[formula.id] for formula in plan.chosen()]
    plantings = [one for part in in_order for one in part[0]]
    troubles = sorted({trouble for part in in_order for trouble in part[3].troubles})
    _write(plan, path, in_order[0][2], list(tables(plantings, [one for part in in_order for one in part[1]])), troubles)
    return plantings, troubles


def _write(plan: Plan, path: Path, target: TargetLine, facts: list[Fact], troubles: list[str]) -> None:
    recorder = Recorder.anew(path, plan, {MUTATION: ["planted"]})
    recorder.write(target, *facts, Summary({}, 0, [], {}, troubles=troubles))
    recorder.close()
    sealed(path)


def _parts(plan: Plan, timeout: float, jobs: int, store: Path | None) -> Iterator[tuple[str, Part]]:
    """Formula by formula, each in one of so many processes."""
    with (
        # of this process, which outlives them
        tempfile.TemporaryDirectory(prefix="nnparity-", ignore_cleanup_errors=True) as scratch,
        sharing(jobs, _begin, plan, timeout, scratch, store) as processes,
    ):
        futures = {processes.submit(_plant, formula.id): formula.id for formula in plan.chosen()}
        for future in as_completed(futures):
            yield futures[future], future.result()


#: The target of a process that is a job, or why there is none: a pool whose processes cannot begin is only "broken".
_own: list[tuple[Plan, Target | Exception]] = []


def _begin(plan: Plan, timeout: float, scratch: str, store: Path | None) -> None:
    memory.use(store)
    for pack in plan.packs:
        packs.take(pack)
    try:
        _own.append((plan, start(plan.targets[0], plan.dtypes, timeout, scratch)))
    except Exception as error:  # noqa: BLE001  (whoever asks for the first part gets it)
        _own.append((plan, error))


def _plant(id: str) -> Part:
    plan, target = _own[0]
    if isinstance(target, Exception):
        raise target
    only = dataclasses.replace(plan, formulas=(id,))
    answers = Memory(target)
    plantings, curves = list(Mutation(only, answers).run()), _curves(only, answers)
    return plantings, curves, target_line(target, plan.targets[0]), memory.taken()


def _curves(plan: Plan, answers: Memory) -> list[Curve]:
    """Of the single formulas that the target has."""
    asked = [(f, dtype) for f in plan.chosen() for dtype in plan.dtypes if dtype in f.dtypes and not f.composition]
    return [curve(answers, f, dtype, plan.level) for f, dtype in asked if not answers.target.refuses(f)]
