"""A selection of the spec: which formulas, dtypes, quantities and cases a run goes through, whatever the targets."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnparity.spec.cases.case import Case, cases_of
from nnparity.spec.dtypes import DTYPES
from nnparity.spec.loader import load
from nnparity.spec.schema import LEVELS, QUANTITIES, Formula


class UsageError(ValueError):
    """Something asked for that does not exist; the message lists what does."""


@dataclass(frozen=True)
class CaseGroup:
    """Cases that share a formula, a signature and a dtype: compiled once, run together, one pytest item."""

    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        """As in ``conv2d/n2c3h9w8o4p3q2/float32``."""
        case = self.cases[0]
        return f"{case.formula.id}/{case.signature.id}/{case.dtype.name}"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A part of the spec. No formulas named means all of them. Raises UsageError for what is not there."""

    formulas: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = tuple(DTYPES)
    level: str = "core"
    quantities: tuple[str, ...] = QUANTITIES
    salt: str = ""

    def __post_init__(self) -> None:
        require("formula", self.formulas, tuple(load()))
        require("dtype", self.dtypes, tuple(DTYPES))
        require("level", (self.level,), LEVELS)
        require("quantity", self.quantities, QUANTITIES)

    def chosen(self) -> list[Formula]:
        """The formulas, in the order of the primer."""
        return [formula for id, formula in load().items() if not self.formulas or id in self.formulas]

    def groups(self) -> Iterator[CaseGroup]:
        """All ordinary cases, in the order of the primer."""
        for formula in self.chosen():
            for dtype in self.dtypes:
                for cases in cases_of(formula, dtype, self.level, self.salt):
                    yield CaseGroup(tuple(cases))


def require(kind: str, asked: Sequence[str], there: Sequence[str]) -> None:
    """Raises UsageError for the first name asked for that is not there, with the nearest one that is."""
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(f"no {kind} is called {name!r}{hint}; there are: {', '.join(there)}")
