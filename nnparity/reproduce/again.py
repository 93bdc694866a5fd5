"""A random sample of the verdicts of a run file, judged again on the spot and held against what the file says."""

import random
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from nnparity.checks.threads import ALL_CORES
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import Target
from nnparity.judge.applicability import instructions
from nnparity.judge.elements import fingerprint
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import ONCE_MORE, Environment, TargetLine, Verdict
from nnparity.reproduce.cell import Cell, drawn
from nnparity.reproduce.recorded import Unnamed, begun
from nnparity.run.recorder import code, cpu
from nnparity.run.verdicts import shortened
from nnparity.spec import packs
from nnparity.spec.usage import UsageError

#: Grades that need not come again: what is random, and what ended a process.
PASSING_BY = ("unsupported", "nondeterministic", "crashed", "timed out")


@dataclass
class Sample:
    """What became of a sample: how many were alike, what was otherwise, and what else is to be said."""

    alike: int = 0
    wrong: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """How many verdicts were judged again."""
        return self.alike + len(self.wrong)


def judged_again(run: MergedRun, count: int, seed: str, timeout: float = 120.0, named: Sequence[str] = ()) -> Sample:
    """So many verdicts of a run, drawn at random, each observed and judged once more.

    `named` are the adapters of their own that the user has named: no other is started because the run names it.
    """
    found = Sample()
    if len(run.environments) != 1:
        found.remarks.append("the file holds several runs: none of it is judged again")
        return found
    (environment,) = run.environments
    if lacking := _lacking(run, environment):
        found.remarks.append(lacking)
    elif environment.code != code():
        found.remarks.append("it was judged by other code than this")
    sample = list(_sample(run.verdicts, count, seed, environment.salt))
    if count and (laid := sum(bool(one.layout) and one.grade not in PASSING_BY for one in run.verdicts)):
        found.remarks.append(f"{laid} verdicts are of inputs in other layouts than the usual: none is judged again")
    for name in dict.fromkeys(one.target for one in sample):
        own = [one for one in sample if one.target == name]
        try:
            target = begun(name, timeout, line=run.targets.get(name), named=named)
        except TargetUnavailable as error:
            found.remarks.append(f"{error}{_hint(error)}")
            continue
        try:
            _on(target, own, run.targets.get(name), environment, found)
        finally:
            target.observer.close()
    return found


def _lacking(run: MergedRun, environment: Environment) -> str:
    """Which packs the run's formulas are of that were not taken in, and how they are named; nothing where all were."""
    lacking = {one.pack for one in run.formulas.values() if one.pack} - {pack.name for pack in packs.taken()}
    if not lacking:
        return ""
    given = environment.plan.get("packs") or sorted(lacking)
    options = " ".join(f"--pack {shlex.quote(one)}" for one in given)
    return f"it is of formulas of packs that are not known here, {', '.join(sorted(lacking))}: {options} names them"


def _hint(error: TargetUnavailable) -> str:
    """How an adapter is named that is started for no run file; one that the file does not tell of lies somewhere."""
    if not isinstance(error, Unnamed):
        return ""
    adapter = shlex.quote(error.adapter) if ":" in error.adapter else "FILE.py:CLASS"
    return f"; where it is code that you would run, --backend {adapter} names it"


def _sample(verdicts: Sequence[Verdict], count: int, seed: str, salt: str) -> Iterator[Verdict]:
    """As many as there are of those that can be made again one by one."""
    chance = random.Random(seed)  # noqa: S311  (it need not be secret)
    for one in chance.sample(verdicts, len(verdicts)):
        if count and _lasting(one) and _makeable(one, salt):
            count -= 1
            yield one


def _lasting(verdict: Verdict) -> bool:
    """Whether it should come again; what was otherwise once more in the run itself need not."""
    return verdict.grade not in PASSING_BY and ONCE_MORE not in (verdict.message or "")


def _makeable(verdict: Verdict, salt: str) -> bool:
    if verdict.dataset == ALL_CORES:  # its bits are those of a process with more threads than one
        return False
    try:
        drawn(verdict, salt)
    except UsageError:
        return False
    return True


def _on(
    target: Target, sample: list[Verdict], line: TargetLine | None, environment: Environment, found: Sample
) -> None:
    """Those of one target, unless it is made of something else than the run says."""
    told, info = line or TargetLine(target.name, available=True), target.observer.info
    if told.versions != info.versions:
        found.remarks.append(f"{target.name} has other versions here: {info.versions} instead of {told.versions}")
    elif told.source and told.source != info.source:
        found.remarks.append(f"{target.name}: its adapter is other code here than when it was judged")
    else:
        for one in sample:
            _hold(one, target, environment, found)


def _hold(verdict: Verdict, target: Target, environment: Environment, found: Sample) -> None:
    """One verdict against its like of here and now; bits only on the same processor."""
    families = frozenset(environment.plan.get("quantities", ())) or Cell.families
    cell = Cell(drawn(verdict, environment.salt), target, verdict.quantity, families)
    if cell.spoilt:
        cell = replace(cell, target=replace(target, observer=target.observer.twin()))
    here: dict[str, object] = {"grade": cell.judged.grade}
    if same_processor(environment) and verdict.formula not in target.observer.info.nondeterministic:
        here |= {"hard": shortened(cell.judged.hard), "sharp": shortened(cell.judged.sharp)}
        here |= {"digest": fingerprint(cell.seen)} if verdict.digest else {}
    wrong = [
        f"{name} {getattr(verdict, name)}, here {now}" for name, now in here.items() if getattr(verdict, name) != now
    ]
    if wrong:
        found.wrong.append(f"{verdict.case} {verdict.quantity} on {verdict.target}: {'; '.join(wrong)}")
    else:
        found.alike += 1


def same_processor(environment: Environment) -> bool:
    """Whether that of a run is this one: by its name, which may be that of several, and by what it can do, if told."""
    return environment.cpu == cpu() and environment.instructions in ((), instructions())
