"""The caller's own arrays held against a formula: what `assert_close` and `arbitrate` share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnparity.adapters.request import Failure, Observation
from nnparity.api import given
from nnparity.api.judging import Judged, judged, model_of, target
from nnparity.api.own_formulas import Own
from nnparity.execute.observer import Observed
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.usage import UsageError, require

#: How the caller's result is called where a target's name stands.
YOURS = "your result"


@dataclass(frozen=True)
class Asked:
    """What is asked of the caller's arrays: a formula or a function, inputs, and which gradients of which cotangent."""

    formula: Any
    inputs: Mapping[str, Any]
    wrt: str | Sequence[str] | None = None
    cotangent: Any = None
    accumulate: Any = "float32"

    @contextmanager
    def question(self, dtype: Any) -> Iterator["Question"]:
        """The case in that dtype, with what is expected of it; to be judged inside. Raises UsageError."""
        own = self.formula if isinstance(self.formula, Own) else None
        formula = own.formula(self.inputs) if own else given.formula_of(self.formula)
        with own.entered(tuple(formula.inputs)) if own else nullcontext():
            names = _gradients(formula, self.wrt)
            one = None if dtype is None else given.dtype_of(dtype)
            case = given.case_of(formula, self.inputs, one, self._cotangents(formula, bool(names)))
            case = own.case(case) if own else case
            family = frozenset({"grad" if names else "output"})
            truth = expect(case, family, model=model_of(self.accumulate, case.dtype.name))
            truth = own.expected(truth) if own else truth
            yield Question(case, {name: truth[name] for name in names or truth})

    def _cotangents(self, formula: Formula, gradients: bool) -> dict[str, Any]:
        if not gradients:
            if self.cotangent is not None:
                raise UsageError("a cotangent was given, and no wrt=: which gradient is it of?")
            return {}
        if self.cotangent is None:
            if not given.scalars(formula):
                raise UsageError(f"a gradient of {formula.id} needs cotangent=, an array shaped like the output")
            return {name: np.ones(()) for name in formula.results}
        return given.results_named(self.cotangent, tuple(formula.results), "the cotangent", given.array_of)


@dataclass(frozen=True)
class Question:
    """A case, and what is expected of it: quantity -> value and budgets."""

    case: Case
    truth: Mapping[str, Expected]

    def answered(self, results: Observation) -> list[Judged]:
        """The judgements of results, by quantity."""
        observed = Observed(dict(results))
        return list(judged(target(YOURS, None), self.case, observed, self.truth))


def _gradients(formula: Formula, wrt: str | Sequence[str] | None) -> tuple[str, ...]:
    """The quantities of these gradients."""
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt or ())
    require("input to differentiate by", names, formula.wrt)
    return tuple(f"grad.{name}" for name in names)


def dtype_of_results(actual: Any) -> str:
    """The dtype of what the caller computed, in which it is judged. Raises UsageError for none of ours."""
    parts = list(actual.values()) if isinstance(actual, Mapping) else actual
    first = parts[0] if isinstance(parts, tuple | list) and parts else parts
    found = given.result_of("the result", first)
    dtype = first.dtype if isinstance(found, Failure) else found.dtype  # of what is no answer as well: it is judged
    require("dtype of a result", (dtype.name,), tuple(DTYPES))
    return str(dtype.name)
