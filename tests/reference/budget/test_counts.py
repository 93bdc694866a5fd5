"""What a mean divides by: rounded where the format has numbers beside it, and past the largest number never infinite.

The kernels are planted under the reference's adapter. An honest one divides by the count, or multiplies by its
reciprocal, in the format that it adds up in; the careless one forms the count in the dtype, as frameworks do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.request import Array, Request
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Budget, Dual, count
from nnparity.reports.records import Verdict
from nnparity.run.examiner import Examiner
from nnparity.spec import DTYPES
from nnparity.spec.cases.naming import find
from nnparity.spec.selection import CaseGroup
from nnparity.tests.checks.inside import plan, target
from nnparity.tests.mutation.faulty_accumulation import kernel

#: A number of the dtype, or several, over a count.
Division = Callable[[Any, int], Any]


def wide(x: Any) -> Any:
    """The format that sums of a dtype are added up in."""
    return np.dtype(np.float32) if x.dtype.itemsize == 2 else x.dtype


def divided(x: Any, n: int) -> Any:
    return (x.astype(wide(x)) / wide(x).type(n)).astype(x.dtype)


def times_reciprocal(x: Any, n: int) -> Any:
    return (x.astype(wide(x)) * wide(x).type(1 / n)).astype(x.dtype)


def over_rounded_count(x: Any, n: int) -> Any:
    return x / x.dtype.type(n)


def total(terms: Array) -> Any:
    """Added up in the wider format, and rounded."""
    return np.asarray(terms.astype(wide(terms)).sum()).astype(terms.dtype)


def mse(request: Request, over: Division) -> dict[str, Array]:
    y, t, g = request.inputs["y"], request.inputs["t"], request.cotangents["output"]
    gradient = (y - t) * over(g, len(y))
    return {"output": over(total(np.square(y - t)), 2 * len(y)), "grad.y": gradient, "grad.t": -gradient}


def cross_entropy(request: Request, over: Division) -> dict[str, Array]:
    p, t, g = request.inputs["p"], request.inputs["t"], request.cotangents["output"]
    return {"output": -over(total(t * np.log(p)), len(p)), "grad.p": -over(g, len(p)) * t / p}


LOSSES = {
    "mse": (mse, {"n65791k2": "near_equal", "n1031k3": "normal"}),
    "cross_entropy": (cross_entropy, {"n65791k2": "normal", "n1031k3": "normal"}),
}


def verdicts(loss: str, signature: str, dtype: str, over: Division) -> list[Verdict]:
    computed, datasets = LOSSES[loss]
    planted = target(kernel(loss, lambda request, _: computed(request, over), careful=True))
    case = find(f"{loss}/{signature}/{datasets[signature]}/{dtype}")
    found = Examiner(plan(loss, dtypes=(dtype,))).examine(CaseGroup((case,)), [planted])
    return [one for one in found if one.quantity.startswith(("output", "grad"))]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_count_that_is_an_infinity_is_caught_in_float16(loss: str) -> None:
    """Its loss and its gradients are 0, far past their budgets."""
    found = verdicts(loss, "n65791k2", "float16", over_rounded_count)
    assert {one.grade for one in found} == {"diverges"}
    assert all(float(one.hard or 0) > 10 for one in found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("over", [divided, times_reciprocal])
@pytest.mark.parametrize("loss", LOSSES)
def test_an_honest_mean_conforms(loss: str, over: Division, dtype: str) -> None:
    for signature in LOSSES[loss][1]:
        found = verdicts(loss, signature, dtype, over)
        assert {one.grade for one in found} == {"conforms"}, signature


@pytest.mark.parametrize("loss", LOSSES)
def test_a_count_that_bfloat16_rounds_is_one_rounding(loss: str) -> None:
    """65,791 is 65,536 there."""
    assert {one.grade for one in verdicts(loss, "n65791k2", "bfloat16", over_rounded_count)} == {"conforms"}


@pytest.mark.parametrize("nested", [False, True])
def test_a_count_is_exact_past_the_largest_number_alone(nested: bool) -> None:
    """The same inside of a dual number; and a plain number where there are no roundings."""
    for dtype, number, exact in (("float16", 65791, True), ("float16", 4097, False), ("bfloat16", 65791, False)):
        x = Budget(np.ones(2), arithmetic(dtype))
        found = (Dual(x, x) if nested else x).count(number)
        assert isinstance(found, Budget) == exact
        assert not exact or (found.exact and found.value == number)
    assert count(7, np.ones(2)) == 7
