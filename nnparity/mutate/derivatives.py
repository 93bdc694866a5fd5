"""Faults of derivatives: a gradient off by a factor, lost or exchanged; a second derivative that loses a term.

And of those come by in other ways than usual, see `checks.derivatives.ways`.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from nnparity.adapters.request import Array, Observation, Request
from nnparity.checks.derivatives.ways import NESTINGS
from nnparity.expect.precision_models import narrow
from nnparity.mutate.fault import FORWARD, SECOND, Call, Change, Fault, of_answers, with_tangents
from nnparity.spec import Dtype, Formula

KIND = "derivative"
NO_TERM = "the derivative has no such term"


def derivative_faults(formula: Formula, dtype: Dtype) -> list[Fault]:
    """Those of each input that the formula is differentiated by."""
    if not formula.wrt:
        return []
    faults = [fault for name in formula.wrt for fault in _of(formula, name)]
    faults += [
        Fault("jvp is negated", KIND, of_answers(_scaled(-1.0), FORWARD), NO_TERM),
        Fault("jvp is 1 % too large", KIND, of_answers(_scaled(1.01), FORWARD), NO_TERM),
        Fault("hvp is twice too large", KIND, of_answers(_scaled(2.0), SECOND), NO_TERM),
        Fault("hvp is 1 % too large", KIND, of_answers(_scaled(1.01), SECOND), NO_TERM),
        Fault("hvp is 0", KIND, of_answers(_scaled(0.0), SECOND), NO_TERM),
    ]
    return [*faults, *_by_one_way(formula, dtype)]


def _by_one_way(formula: Formula, dtype: Dtype) -> Iterator[Fault]:
    """Right as usual, and wrong where a derivative is come by in another way."""
    halves = of_answers(_scaled(0.5), FORWARD, SECOND)
    doubled = _where(lambda request: request.doubled, halves)
    yield Fault(
        "half of a VJP's derivative by its cotangents is lost", KIND, doubled, NO_TERM, True, needs="double_vjp"
    )
    if formula.composition:
        return
    if len(formula.wrt) > 1:
        in_part = _where(lambda request: len(request.wrt) < len(formula.wrt), halves)
        yield Fault("jvp is halved where not all inputs move", KIND, in_part, NO_TERM, True)
    for method, dataset in NESTINGS.items() if not narrow(dtype.name) else ():
        nested = _where(partial(_nests, method), halves)
        yield Fault(
            f"half of the second derivative by {dataset} mode is lost", KIND, nested, NO_TERM, True, needs=method
        )


def _nests(method: str, request: Request) -> bool:
    return request.nested == method


def _where(asked: Callable[[Request], bool], wrong: Callable[[Call], Observation]) -> Callable[[Call], Observation]:
    return lambda call: wrong(call) if asked(call.request) else call.right


def _of(formula: Formula, name: str) -> list[Fault]:
    quantity = f"grad.{name}"
    if quantity in formula.vanishing:
        return []
    faults = [
        Fault(f"{quantity} is 1 % too large", KIND, of_answers(_scaled(1.01), quantity), NO_TERM),
        Fault(f"{quantity} is halved", KIND, of_answers(_scaled(0.5), quantity), NO_TERM),
        Fault(f"{quantity} is negated", KIND, of_answers(_scaled(-1.0), quantity), NO_TERM),
        Fault(f"{quantity} is 0", KIND, of_answers(_scaled(0.0), quantity), NO_TERM),
        Fault(f"{quantity} misses its largest element by 2 %", KIND, of_answers(_largest, quantity), NO_TERM),
    ]
    if len(formula.wrt) > 1:
        faults += [
            Fault(f"{quantity} is 1 % too large where not all are asked for", KIND, _of_some(quantity), NO_TERM),
            Fault(f"hvp loses the term of {name}", KIND, _without(name, SECOND), NO_TERM),
            Fault(f"jvp loses the term of {name}", KIND, _without(name, FORWARD), NO_TERM),
        ]
    return faults


def _of_some(quantity: str) -> Callable[[Call], Observation]:
    """Wrong where another input requires no gradient: kernels choose by what is to be computed."""
    wrong = of_answers(_scaled(1.01), quantity)
    return lambda call: call.right if _all_asked(call) else wrong(call)


def _all_asked(call: Call) -> bool:
    return call.request.wrt == call.case.formula.wrt


def _scaled(factor: float) -> Change:
    return lambda x, request: x.astype(np.float64) * factor


def _largest(x: Array, request: Request) -> Array:
    wide = x.astype(np.float64).reshape(-1)
    if wide.size:
        wide[np.abs(np.nan_to_num(wide)).argmax()] *= 1.02
    return wide.reshape(x.shape)


def _without(name: str, family: str) -> Callable[[Call], Observation]:
    def answer(call: Call) -> Observation:
        if name not in call.request.tangents:
            return call.right
        tangents = {one: np.zeros_like(v) if one == name else v for one, v in call.request.tangents.items()}
        return with_tangents(tangents, call, family)

    return answer
