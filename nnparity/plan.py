"""The plan: which formulas, signatures, datasets, dtypes and targets a run goes through."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnparity.adapters.registry import names
from nnparity.expect import QUANTITIES
from nnparity.spec import DTYPES, Case, Formula, cases_of, load
from nnparity.spec.schema import LEVELS

DEVICES = ("cpu", "cuda")


class UsageError(ValueError):
    """Something asked for that does not exist; the message lists what does."""


@dataclass(frozen=True)
class TargetName:
    """A target as it is asked for. `backend` may be a name, ``module:Class`` or ``file.py:Class``."""

    backend: str
    device: str = "cpu"
    mode: str = "eager"

    @classmethod
    def of(cls, text: str, device: str = "cpu", mode: str = "eager") -> "TargetName":
        """From ``jax``, ``jax:cuda`` or ``jax:cpu:compiled``; `device` and `mode` stand for what is left out.

        A ``module:Class`` or ``file.py:Class`` of one's own is taken whole.
        """
        backend, *rest = text.split(":")
        if backend not in names() or len(rest) > 2:
            return cls(text, device, mode)
        return cls(backend, *rest, *(device, mode)[len(rest) :])


@dataclass(frozen=True)
class Group:
    """Cases that share a formula, a signature and a dtype: compiled once, run together, one pytest item."""

    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        """As in ``conv2d/n2c3h9w8o4p3q2/float32``."""
        case = self.cases[0]
        return f"{case.formula.id}/{case.signature.id}/{case.dtype.name}"


@dataclass(frozen=True)
class Plan:
    """What to run. Raises UsageError for what is not there."""

    targets: tuple[TargetName, ...]
    formulas: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = tuple(DTYPES)
    level: str = "core"
    quantities: tuple[str, ...] = QUANTITIES
    salt: str = ""

    def __post_init__(self) -> None:
        known = load()
        for kind, asked, there in (
            ("formula", self.formulas, tuple(known)),
            ("dtype", self.dtypes, tuple(DTYPES)),
            ("level", (self.level,), LEVELS),
            ("quantity", self.quantities, QUANTITIES),
            ("device", tuple(target.device for target in self.targets), DEVICES),
            ("backend", tuple(t.backend for t in self.targets if ":" not in t.backend), tuple(names())),
        ):
            _require(kind, asked, there)

    def chosen(self) -> list[Formula]:
        """The formulas, in the order of the primer."""
        return [formula for id, formula in load().items() if not self.formulas or id in self.formulas]

    def groups(self) -> Iterator[Group]:
        """Everything to observe, in the order of the primer."""
        for formula in self.chosen():
            for dtype in self.dtypes:
                for cases in cases_of(formula, dtype, self.level, self.salt):
                    yield Group(tuple(cases))

    def described(self) -> dict[str, list[str]]:
        """The plan as the run's first line tells it."""
        return {
            "targets": [f"{t.backend}:{t.device}:{t.mode}" for t in self.targets],
            "formulas": [formula.id for formula in self.chosen()],
            "dtypes": list(self.dtypes),
            "quantities": list(self.quantities),
            "level": [self.level],
        }


def _require(kind: str, asked: Sequence[str], there: Sequence[str]) -> None:
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(f"no {kind} is called {name!r}{hint}; there are: {', '.join(there)}")
