"""What all checks share: a case with given numbers, asked of a target, and what came back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeGuard

from nnparity.adapters.request import Failure, Request
from nnparity.execute.observer import Observed, Observer
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.precision_models import differs
from nnparity.judge.diagnosis import Diagnosis, diagnosed
from nnparity.judge.grades import Judgement, form
from nnparity.judge.special_values.diagnosis import diagnosed_special
from nnparity.spec import Case, Dtype
from nnparity.spec.cases.special_values import batch, is_special
from nnparity.spec.given import Given
from nnparity.spec.loader import ordinary, signatures
from nnparity.spec.schema import LEVELS, Formula, Signature, plain
from nnparity.spec.selection import Selection

#: What those that all samples share are called in the name of a dataset.
PARAMETERS = "the parameters"


@dataclass(frozen=True)
class Finding:
    """The judgement of one quantity of one case; `took` are the answers whose time it tells."""

    case: Case
    quantity: str
    judgement: Judgement
    note: str | None = None
    took: tuple[Observed, ...] = ()
    #: What was observed, see `judge.elements.fingerprint`.
    digest: str | None = None
    #: What was observed and expected, where a record is to be held against all of it and not against the worst alone.
    seen: Any = None
    truth: Expected | None = None
    diagnosis: str | None = None
    #: Whether its numbers are ordinary ones, so that what is known of these may explain what is wrong.
    ordinary: bool = False
    #: What else the same call gave, which may refute a name; what came of several calls belongs to none.
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Those that the target took for it."""
        return sum((one.seconds for one in self.took), 0.0)

    @property
    def special(self) -> bool:
        """Whether its numbers are special ones, and it says what is expected of them."""
        return not self.ordinary and self.truth is not None and is_special(self.case.dataset)

    def diagnosed(self, flush: bool, before: Sequence[Case] = ()) -> Diagnosis:
        """What explains what was seen, of ordinary numbers or special ones; `before` are ordinary cases before it."""
        name = diagnosed_special if self.special else partial(diagnosed, before=before)
        assert self.truth is not None
        return name(self.case, plain(self.quantity), self.seen, self.truth, flush, beside=self.beside)


def held(target: Target, case: Case, quantities: frozenset[str], *, simulated: bool = True) -> dict[str, Expected]:
    """What is expected, by the model of precision that the target declares for each quantity; see `expect`."""
    ask = partial(expect, case, quantities, flush=target.flushes[case.dtype.name], simulated=simulated)
    return by_model(target, case, ask(), lambda model: ask(model=model))


def by_model(
    target: Target, case: Case, expected: dict[str, Expected], ask: Callable[[str], dict[str, Expected]]
) -> dict[str, Expected]:
    """The same of what is expected by the usual model already; `ask` says what is by another."""
    models = {quantity: target.model(case.formula.id, case.dtype.name, quantity) for quantity in expected}
    others = {model: ask(model) for model in dict.fromkeys(models.values()) if differs(case.dtype.name, model)}
    return {quantity: others.get(models[quantity], expected)[quantity] for quantity in expected}


def named(own: Case, dataset: str, kind: type[Given] = Given, **more: Any) -> Given:
    """An ordinary case as one of a check; of a kind that is given more, with that."""
    return kind(own.formula, own.signature, dataset, own.dtype, own.salt, own.inputs, own.cotangents, **more)


def first_order(formula: Formula, quantities: Sequence[str]) -> frozenset[str]:
    """Those of the quantities that the formula has; the checks know no second derivatives."""
    return formula.families(quantities) & {"output", "grad"}


def alike(case: Case, selection: Selection) -> frozenset[str]:
    """What the selection asks of ordinary cases of the same sizes, if it has any: they share compiled programs."""
    own = (case.signature.dims, case.signature.attributes)
    reached = LEVELS[: LEVELS.index(selection.level) + 1]
    there = any((one.dims, one.attributes) == own and one.level in reached for one in signatures(case.formula))
    return frozenset(selection.quantities) if there else frozenset()


def in_part(
    target: Target, formula: Formula, alone: str, without: str, parameters: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The inputs that derivatives are asked by where the others are constants, under the names of their datasets.

    One `alone`, and all `without` it: the first, and each where a target compiles nothing. Of two the second alone is
    all but the first, and what is put together of other formulas has no kernels of its own. Where each is asked, so are
    all that have no axis of samples, as a first layer is trained, called `parameters`, and all that have one.
    """
    wrt = formula.wrt
    each = target.traces_nothing and len(wrt) > 2 and not formula.composition
    for name in (wrt if each else wrt[:1]) if len(wrt) > 1 else ():
        yield alone.format(name), (name,)
        yield without.format(name), tuple(other for other in wrt if other != name)
    there = of_samples(formula)
    own, samples = tuple(name for name in wrt if name not in there), tuple(name for name in wrt if name in there)
    if each and len(own) > 1 and len(samples) > 1:  # of a single one either was asked above
        yield parameters, own
        yield without.format(PARAMETERS), samples


def of_samples(formula: Formula) -> tuple[str, ...]:
    """The inputs whose first axis is that of samples."""
    axis = batch(formula)
    return tuple(name for name, shape in formula.inputs.items() if shape.split()[:1] == [axis])


def representative(selection: Selection) -> str:
    """The dtype for what does not depend on it: float32 when it is there."""
    return "float32" if "float32" in selection.dtypes else selection.dtypes[0]


def observe(observer: Observer, requests: Sequence[Request]) -> list[Observed]:
    """What became of each request."""
    observer.submit(requests)
    return list(observer.collect())


def judgeable(truth: Mapping[str, Expected], observed: Observed) -> dict[str, Expected]:
    """What is expected, and of what came with the gradients where it is not the plain forward's output: the same."""
    more = {name: truth[plain(name)] for name in observed.observation if plain(name) != name and plain(name) in truth}
    return {**truth, **more}


def answer(observed: Observed, quantity: str) -> Any:
    """What was observed; of a result that came with the gradients in one observation alone, the plain one."""
    return observed.observation.get(quantity, observed.observation.get(plain(quantity)))


def misshapen(seen: Any, observed: Observed, expected: Expected, dtype: Dtype) -> Judgement | None:
    """The judgement of what cannot be compared element by element: no array, or one of another shape or dtype."""
    if judged := failure(seen, observed):
        return judged
    wrong = form(seen, expected, dtype)
    return Judgement("diverges", message=wrong) if wrong else None


def failure(seen: Any, observed: Observed) -> Judgement | None:
    """The judgement of what is no array: the process died, the target raised or refused. Otherwise None."""
    if isinstance(seen, Failure):
        return Judgement(seen.kind, message=seen.message)
    if observed.fate:
        return Judgement(observed.fate, message=observed.message)
    if seen is None:
        return Judgement("error", message="the adapter did not return this quantity")
    return None


def raised(seen: object) -> TypeGuard[Failure]:
    """Whether the framework has raised, and not the adapter."""
    return isinstance(seen, Failure) and seen.kind == "error" and bool(seen.raised_in)


def refused(judged: Judgement | None, seen: Any, case: Case) -> Judgement | None:
    """Who raises at arrays without an element says loudly that it has no answer: that is no error."""
    empty = any(not array.size for array in case.inputs.values())
    if judged is None or not empty or not raised(seen):
        return judged
    return Judgement("unsupported", message=f"refuses what is empty: {first_line(judged.message)}")


def unsupported(case: Case, reason: str) -> Finding:
    """What is found of a formula that the target does not have."""
    return Finding(case, "output", Judgement("unsupported", message=reason))


def first_line(text: str | None) -> str:
    """What fits into a cell of a table."""
    return next(iter((text or "").strip().splitlines()), "")


def least_narrow(formula: Formula) -> Signature:
    """The ordinary one that is least narrow, of several samples if one is: its smallest dimension is the largest.

    What goes wrong in one way of asking alone may need several channels, heads or steps to show.
    """
    usual, axis = ordinary(formula), batch(formula)
    several = [one for one in usual if axis and one.dims[axis] > 1]
    return max(several or usual, key=lambda one: sorted(one.dims.values()))
