"""The plan: a selection of the spec, and the targets that a run takes through it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nnparity import checks
from nnparity.adapters.registry import compiles, cost, names
from nnparity.execute.target import TargetName, kind, kinds
from nnparity.reports.formatting import cut
from nnparity.spec import DTYPES, load
from nnparity.spec.cases import naming
from nnparity.spec.cases.pool import pool
from nnparity.spec.schema import QUANTITIES
from nnparity.spec.selection import CaseGroup, Selection, named
from nnparity.spec.usage import UsageError, require

#: CPU seconds that a target which compiles for each shape may spend on compiling the pool, where nobody says.
BUDGET = 120.0
#: Cases that are told not to be of the plan, and characters that are told of one, at most.
TOLD, MOST = 3, 400
#: The share that is all of a plan.
WHOLE = (1, 1)


@dataclass(frozen=True)
class Plan(Selection):
    """What to run. Raises UsageError for what is not there."""

    SEVERAL: ClassVar[tuple[str, ...]] = (*Selection.SEVERAL, "targets", "packs", "known")

    targets: tuple[TargetName, ...] = ()
    #: (i, n): of n shares of the units the i-th, counted from 1; together they are the whole plan.
    shard: tuple[int, int] = WHOLE
    #: The packs that this process has taken in, which every other that works on the plan takes in too.
    packs: tuple[str, ...] = ()
    #: Files of known divergences beside those in the box.
    known: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        place, count = self.shard
        if not 1 <= place <= count:
            raise UsageError(f"there is no share {place} of {count}: they are counted from 1")
        for target in self.targets:
            if target.boxed:
                require("device", (kind(target.device),), kinds(target.backend))
        for name in (t.backend for t in self.targets):
            if name.endswith(".py"):
                raise UsageError(f"{name} is a file: name the class of its adapter too, {name}:Class")
        require("backend", tuple(t.backend for t in self.targets if ":" not in t.backend), tuple(names()))
        for id in self.cases:
            if set(checks.making(naming.parts(id)[2])) <= {checks.SPECIALS}:  # other checks name their cases as they go
                naming.find(id)
        if self.datasets:
            ordinary = [name for formula in self.chosen() for name in naming.ordinary(formula)]
            further = [name for names in checks.DATASETS.values() for name in names]
            there = tuple(dict.fromkeys((*ordinary, *further)))
            asked = (name for name in self.datasets if not checks.making(name))
            require("dataset", tuple(name for name in asked if not any(named(one, (name,)) for one in there)), there)

    def reach(self, backend: str, mode: str) -> int:
        """How many signatures of each formula's pool it gets in that mode: all that are in, or what it can afford.

        As many of each formula, whatever the others of the plan: so that a part of a run is a part of the whole. No
        mode is the backend's usual one; which that is of an adapter of one's own nobody knows before it is started, and
        it gets what one that compiles nothing gets unless a mode that does is named.
        """
        seconds = BUDGET if self.seconds is None and compiles(backend, mode) else self.seconds
        if seconds is None or self.signatures:  # what is named is asked, at whatever cost
            return self.depth
        formulas = sum(formula.pool is not None for formula in load().values())
        return min(self.depth, int(seconds / cost(backend, mode) / formulas))

    def asks(self, target: TargetName, group: CaseGroup) -> bool:
        """Whether the target is asked for a group."""
        return group.place is None or group.place < self.reach(target.backend, target.mode)

    def _pooled(self, target: TargetName) -> str:
        """How much of the pool the target gets; how much there is need not be found out where it gets none."""
        if not self.depth or self.narrowed:
            return f"{target}: {'as named' if self.narrowed else 'none'}"
        pools = [[drawn.dtype in self.dtypes for drawn in pool(formula)] for formula in self.chosen()]
        reach = self.reach(target.backend, target.mode)
        asked = sum(sum(one[:reach]) for one in pools)
        return f"{target}: {asked} of {sum(map(sum, pools))} signatures"

    @property
    def clash(self) -> str:
        """Why the options that narrow it down leave nothing of it, whatever the share; nothing where they leave some.

        What the further checks make of a case they are asked for nobody knows before they are run.
        """
        if not self.narrowed or next(self.groups(), None) is not None:
            return ""
        apart = list(filter(None, map(self._apart, self.cases)))
        if self.cases and len(apart) == len(self.cases):
            rest = f"; and {len(apart) - TOLD} more" if len(apart) > TOLD else ""
            return f"nothing is left of the plan: {'; '.join(apart[:TOLD])}{rest}"
        if checks.items(self):
            return ""
        asked = {
            "formula": self.formulas,
            "dtype": () if self.dtypes == tuple(DTYPES) else self.dtypes,
            "quantity": () if self.quantities == QUANTITIES else self.quantities,
            "case": self.cases,
            "signature": self.signatures,
            "dataset": self.datasets,
            "level": (self.level,),
            "salt": (self.salt,) if self.salt else (),
        }
        options = (f"--{name} {' or '.join(values)}" for name, values in asked.items() if values)
        return cut(f"nothing is left of the plan: no case is of {', '.join(options)} at once", MOST)

    def _apart(self, id: str) -> str:
        """Which option a named case is not of, in words; nothing where it is of all."""
        formula, signature, dataset, dtype = self._parts[id]
        asked = (
            ("formula", self.formulas, formula),
            ("dtype", self.dtypes, dtype),
            ("signature", self.signatures, signature),
            ("dataset", self.datasets, dataset),
        )
        excluding = (
            f"--{name} {' or '.join(values)}" for name, values, own in asked if values and not named(own, values)
        )
        return cut(f"--case {id} is not of {told}", MOST) if (told := next(excluding, "")) else ""

    def described(self) -> dict[str, list[str]]:
        """The plan as the run's first line tells it."""
        told = {
            "targets": [str(target) for target in self.targets],
            "formulas": [formula.id for formula in self.chosen()],
            "dtypes": list(self.dtypes),
            "quantities": list(self.quantities),
            "level": [self.level],
            "pool": [self._pooled(target) for target in self.targets],
        }
        if self.packs:
            told["packs"] = list(self.packs)
        if self.shard != WHOLE:
            told["shard"] = ["{} of {}".format(*self.shard)]
        if self.known:
            told["known"] = [str(path) for path in self.known]
        return told | {
            name: list(asked) for name in ("cases", "signatures", "datasets") if (asked := getattr(self, name))
        }
