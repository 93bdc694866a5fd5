"""The mutation score: each fault planted in turn, the plan run until a verdict speaks against it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from nnparity import checks
from nnparity.checks.common import Finding
from nnparity.execute.target import Target
from nnparity.mutate.circumstances import SAME_ANYWAY, circumstance_faults
from nnparity.mutate.derivatives import derivative_faults
from nnparity.mutate.fault import Fault
from nnparity.mutate.planting import Memory, planted
from nnparity.mutate.precision import precision_faults
from nnparity.mutate.shapes import shape_faults
from nnparity.mutate.variants import variant_faults
from nnparity.reports.records import PASSING, Verdict
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.run.verdicts import failed
from nnparity.spec import DTYPES, Formula
from nnparity.spec.schema import LEVELS
from nnparity.spec.selection import CaseGroup

SOURCES = (variant_faults, shape_faults, precision_faults, derivative_faults, circumstance_faults)
#: Further checks that can see what ordinary cases cannot, by kind of fault.
CHECKS = (checks.SPECIALS, checks.DETERMINISM, checks.DERIVATIVES, checks.LAYOUTS, checks.THREADS)
#: What the plan finds in the target as it is.
NONE = Fault("none", "", lambda call: call.right)
#: What is told of a fault that is not reached.
UNSHOWN = "no case of the plan shows it"
Outcome = Literal["caught", "survived", "not reached", "equivalent"]


@dataclass(frozen=True)
class Planting:
    """What became of one fault: by which verdict it was caught, or the case that came nearest to it.

    `not reached`: no case of the plan showed the fault at all; `equivalent`: the same, and why none can. That no number
    makes a difference is said of a fault only where the plan had all cases of the core level, and no dtype shows one.
    """

    formula: str
    dtype: str
    fault: str
    kind: str
    outcome: Outcome
    told: str


def faults(formula: Formula, dtype: str) -> list[Fault]:
    """All that are planted; of a composition its variants, since its parts are asked by themselves."""
    sources = SOURCES[:1] if formula.composition else SOURCES
    return [fault for source in sources for fault in source(formula, DTYPES[dtype])]


@dataclass
class Mutation:
    """Plants the faults of a plan's formulas in one target."""

    plan: Plan
    memory: Memory

    @property
    def target(self) -> Target:
        """The one that faults are planted in."""
        return self.memory.target

    def run(self) -> Iterator[Planting]:
        """Fault by fault, formula by formula, dtype by dtype."""
        for formula in self.plan.chosen():
            dtypes = () if self.target.refuses(formula) else (d for d in self.plan.dtypes if d in formula.dtypes)
            yield from _uncontradicted([one for dtype in dtypes for one in self._of(formula, dtype)])

    def _of(self, formula: Formula, dtype: str) -> Iterator[Planting]:
        examiner = Examiner(self._only(formula, dtype), diagnosing=False)
        parts = self._parts(formula, dtype)
        asis, _ = planted(self.memory, NONE)
        clean = {_id(verdict) for part in parts for verdict in _verdicts(examiner, part, asis) if failed(verdict)}
        for fault in filter(self._shows, faults(formula, dtype)):
            yield self._planted(examiner, fault, parts, clean, (formula.id, dtype))

    def _shows(self, fault: Fault) -> bool:
        """Whether the target has what the fault shows in."""
        info = self.target.observer.info
        return fault.layout in ("", *info.layouts) and (not fault.needs or fault.needs in info.asked(self.plan.level))

    def _only(self, formula: Formula, dtype: str) -> Plan:
        return replace(self.plan, formulas=(formula.id,), dtypes=(dtype,))

    def _parts(self, formula: Formula, dtype: str) -> list[CaseGroup | checks.Item]:
        only = self._only(formula, dtype)
        return [*only.groups(), *(item for item in checks.items(only) if item.check in CHECKS)]

    def _whole(self, parts: list[CaseGroup | checks.Item]) -> bool:
        """Whether the plan has all ordinary cases of a formula, and the special values."""
        special = any(isinstance(part, checks.Item) and part.check == checks.SPECIALS for part in parts)
        return special and self.plan.level != LEVELS[0] and not self.plan.narrowed

    def _planted(
        self,
        examiner: Examiner,
        fault: Fault,
        parts: list[CaseGroup | checks.Item],
        clean: set[str],
        place: tuple[str, str],
    ) -> Planting:
        target, observer = planted(self.memory, fault)
        nearest = Nearest()
        for part in parts:
            for verdict in _verdicts(examiner, part, target):
                if _id(verdict) in clean:
                    continue  # it fails without the fault, and says nothing of it
                if failed(verdict):
                    return Planting(*place, fault.name, fault.kind, "caught", f"{_id(verdict)}: {verdict.grade}")
                nearest.see(verdict)
        if observer.effect > 1 and fault.permitted:
            return Planting(*place, fault.name, fault.kind, "equivalent", fault.permitted)
        if observer.effect > (0 if fault.one_way else 1):
            return Planting(*place, fault.name, fault.kind, "survived", nearest.told)
        if observer.effect:
            return Planting(*place, fault.name, fault.kind, "equivalent", "never more than a rounding of the result")
        if fault.equivalent and (self._whole(parts) or not fault.sought):
            return Planting(*place, fault.name, fault.kind, "equivalent", fault.equivalent)
        return Planting(*place, fault.name, fault.kind, "not reached", UNSHOWN)


def _uncontradicted(found: list[Planting]) -> Iterator[Planting]:
    """The same, but what makes no difference to the formula makes none in any dtype: where one shows it, all may."""
    shown = {one.fault for one in found if one.outcome in ("caught", "survived")}
    for one in found:
        excused = one.outcome == "equivalent" and one.told == SAME_ANYWAY
        yield replace(one, outcome="not reached", told=UNSHOWN) if excused and one.fault in shown else one


@dataclass
class Nearest:
    """The conforming verdict with the largest margin."""

    margin: float = -1.0
    told: str = "no case was judged"

    def see(self, verdict: Verdict) -> None:
        """One more that did not speak against the fault; where a record explains it, it is far off without it too."""
        if verdict.grade not in PASSING:
            return
        margin = max(float(verdict.hard or 0.0), float(verdict.sharp or 0.0))
        if margin > self.margin:
            self.margin, self.told = margin, f"nearest {_id(verdict)}: margin {margin:.2g}"


def _verdicts(examiner: Examiner, part: CaseGroup | checks.Item, target: Target) -> Iterator[Verdict]:
    if isinstance(part, CaseGroup):
        yield from examiner.examine(part, [target])
        return
    yield from (examiner.enter(target, found) for found in part.run(target) if isinstance(found, Finding))


def _id(verdict: Verdict) -> str:
    return f"{verdict.case} {verdict.quantity}"
