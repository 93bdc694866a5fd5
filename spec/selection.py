"""A selection of the spec: which formulas, dtypes, quantities and cases a run goes through, whatever the targets."""

import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nnparity.spec.cases.case import Case, cases_of
from nnparity.spec.cases.pool import pool
from nnparity.spec.dtypes import DTYPES
from nnparity.spec.loader import load
from nnparity.spec.schema import LEVELS, QUANTITIES, Formula

#: All of the pool, and none of it.
ALL, NONE = "all", "none"


class UsageError(ValueError):
    """Something asked for that does not exist; the message lists what does."""


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


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A part of the spec. No formulas named means all of them. Raises UsageError for what is not there.

    `pool` is "all" or "none" of it, or of each formula so many signatures, the first.
    """

    formulas: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = tuple(DTYPES)
    level: str = "core"
    quantities: tuple[str, ...] = QUANTITIES
    salt: str = ""
    pool: str = NONE

    def __post_init__(self) -> None:
        require("formula", self.formulas, tuple(load()))
        require("dtype", self.dtypes, tuple(DTYPES))
        require("level", (self.level,), LEVELS)
        require("quantity", self.quantities, QUANTITIES)
        if not self.pool.isdecimal():
            require("pool", (self.pool,), (ALL, NONE, "a number"))

    @property
    def depth(self) -> int:
        """How many signatures of each formula's pool are in; at the quick level none."""
        if self.level == "quick" or self.pool == NONE:
            return 0
        return sys.maxsize if self.pool == ALL else int(self.pool)

    def chosen(self) -> list[Formula]:
        """The formulas, in the order of the primer."""
        return [formula for id, formula in load().items() if not self.formulas or id in self.formulas]

    def groups(self) -> Iterator[CaseGroup]:
        """All ordinary cases, in the order of the primer, with those of the pool behind each formula's own."""
        for formula in self.chosen():
            for dtype in self.dtypes:
                yield from self._of(formula, dtype)

    def _of(self, formula: Formula, dtype: str) -> Iterator[CaseGroup]:
        """What the pool has of a signature that the spec writes out joins that one's group."""
        groups = [CaseGroup(tuple(cases)) for cases in cases_of(formula, dtype, self.level, self.salt)]
        found = {group.id: group for group in groups}
        for place, drawn in enumerate(pool(formula)[: self.depth] if self.depth else ()):
            case = Case(formula, drawn.signature, drawn.dataset, DTYPES[drawn.dtype], self.salt)
            if drawn.dtype == dtype:
                one = CaseGroup((case,), place)
                group = found.get(one.id, one)
                found[one.id] = replace(group, cases=tuple(dict.fromkeys((*group.cases, case))))
        yield from found.values()


def require(kind: str, asked: Sequence[str], there: Sequence[str]) -> None:
    """Raises UsageError for the first name asked for that is not there, with the nearest one that is."""
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(f"no {kind} is called {name!r}{hint}; there are: {', '.join(there)}")
