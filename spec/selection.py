"""A selection of the spec: which formulas, dtypes, quantities and cases a run goes through, whatever the targets."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import groupby
from typing import ClassVar

from nnparity.spec.cases import naming
from nnparity.spec.cases.case import Case, cases_of
from nnparity.spec.cases.pool import pool
from nnparity.spec.dtypes import DTYPES
from nnparity.spec.loader import load
from nnparity.spec.schema import LEVELS, QUANTITIES, Formula
from nnparity.spec.usage import require

#: All of the pool, and none of it.
ALL, NONE = "all", "none"
#: The unit of what each target may spend on it.
SECONDS = "s"


@dataclass(frozen=True)
class CaseGroup:
    """Cases that share a formula, a signature and a dtype: compiled once, run together, one pytest item.

    `place` is that of its signature in the formula's pool; None of one that the spec writes out.
    """

    cases: tuple[Case, ...]
    place: int | None = None

    @property
    def id(self) -> str:
        """As in ``conv2d/n2c3h9w8o4p3q2/float32``."""
        case = self.cases[0]
        return f"{case.formula.id}/{case.signature.id}/{case.dtype.name}"


def named(dataset: str, patterns: tuple[str, ...]) -> bool:
    """Whether a dataset is one of those, which may be shell patterns."""
    return dataset in patterns or any(fnmatchcase(dataset, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A part of the spec. No formulas named means all of them. Raises UsageError for what is not there.

    `pool` is "all" or "none" of it, or of each formula so many signatures, the first, or as many as so many CPU seconds
    of each target buy ("10s"). `cases`, `signatures` and `datasets`, which may be shell patterns, narrow it down to
    those; named cases and signatures are in whatever the level and the pool. What is named twice is asked once.
    """

    #: The fields that name several things.
    SEVERAL: ClassVar[tuple[str, ...]] = ("formulas", "dtypes", "quantities", "cases", "signatures", "datasets")

    formulas: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = tuple(DTYPES)
    level: str = "core"
    quantities: tuple[str, ...] = QUANTITIES
    salt: str = ""
    pool: str = NONE
    cases: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.SEVERAL:
            object.__setattr__(self, name, tuple(dict.fromkeys(getattr(self, name))))
        require("formula", self.formulas, tuple(load()))
        require("dtype", self.dtypes, tuple(DTYPES))
        require("level", (self.level,), LEVELS)
        require("quantity", self.quantities, QUANTITIES)
        if not self.pool.removesuffix(SECONDS).isdecimal():
            require("pool", (self.pool,), (ALL, NONE, "a number", "seconds, such as 10s"))
        _ = self._parts
        if self.signatures:
            there = [id for formula in self.chosen() for id in naming.known_signatures(formula)]
            require("signature", self.signatures, tuple(dict.fromkeys(there)))

    @property
    def narrowed(self) -> bool:
        """Whether it is a choice of cases: of no formula all."""
        return bool(self.cases or self.signatures or self.datasets)

    @property
    def asked_datasets(self) -> tuple[str, ...]:
        """The datasets that are named, by themselves or in a case."""
        return tuple(dict.fromkeys((*self.datasets, *(dataset for _, _, dataset, _ in self._parts.values()))))

    @cached_property
    def _parts(self) -> dict[str, tuple[str, str, str, str]]:
        """Formula, signature, dataset and dtype of the named cases, read once: there may be thousands."""
        return {id: naming.parts(id) for id in self.cases}

    def takes(self, case: Case) -> bool:
        """Whether the case is among those that it is narrowed down to."""
        return (
            (not self.cases or case.id in self.cases)
            and (not self.signatures or case.signature.id in self.signatures)
            and (not self.datasets or named(case.dataset, self.datasets))
        )

    @property
    def depth(self) -> int:
        """How many signatures of each formula's pool are in; at the quick level none."""
        if self.signatures:
            return sys.maxsize
        if self.level == "quick" or self.pool == NONE:
            return 0
        return int(self.pool) if self.pool.isdecimal() else sys.maxsize

    @property
    def seconds(self) -> float | None:
        """The CPU seconds that each target may spend on the pool, where it is bounded by them."""
        return float(self.pool.removesuffix(SECONDS)) if self.pool.endswith(SECONDS) else None

    def reach(self, _backend: str, _mode: str) -> int:
        """How many signatures of each formula's pool a backend gets in a mode: all that are in."""
        return self.depth

    def chosen(self) -> list[Formula]:
        """The formulas, in the order of the primer."""
        meant = {formula for formula, *_ in self._parts.values()} or load().keys()
        return [one for id, one in load().items() if id in meant and (not self.formulas or id in self.formulas)]

    def groups(self) -> Iterator[CaseGroup]:
        """All ordinary cases, in the order of the primer, with those of the pool behind each formula's own."""
        for formula in self.chosen():
            for dtype in self.dtypes:
                groups = self._named(formula, dtype) if self.cases else self._of(formula, dtype)
                for group in groups:
                    if cases := tuple(filter(self.takes, group.cases)):
                        yield replace(group, cases=cases)

    def _named(self, formula: Formula, dtype: str) -> Iterator[CaseGroup]:
        """The ordinary ones among the named cases."""
        ordinary = naming.ordinary(formula)
        mine = [id for id, parts in self._parts.items() if parts[0::3] == (formula.id, dtype) and parts[2] in ordinary]
        found = [naming.find(id, self.salt) for id in sorted(mine)]
        for _, cases in groupby(found, lambda case: case.signature.id):
            yield CaseGroup(tuple(cases))

    def _of(self, formula: Formula, dtype: str) -> Iterator[CaseGroup]:
        """What the pool has of a signature that the spec writes out joins that one's group."""
        level = LEVELS[-1] if self.signatures else self.level
        groups = [CaseGroup(tuple(cases)) for cases in cases_of(formula, dtype, level, self.salt)]
        found = {group.id: group for group in groups}
        # Not worked out where nobody asks for it: of all formulas that takes more than a second, in each process.
        for place, drawn in enumerate(pool(formula)[: self.depth] if self.depth else ()):
            case = Case(formula, drawn.signature, drawn.dataset, DTYPES[drawn.dtype], self.salt)
            if drawn.dtype == dtype:
                one = CaseGroup((case,), place)
                group = found.get(one.id, one)
                found[one.id] = replace(group, cases=tuple(dict.fromkeys((*group.cases, case))))
        yield from found.values()
