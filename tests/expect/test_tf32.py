"""The TF32 model: a machine whose products take 11 digits meets it and not float32's, one of fewer neither of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.contributions import contributions
from nnparity.expect.evaluation import evaluate
from nnparity.expect.precision_models import arithmetic, differs
from nnparity.judge.grades import judge
from nnparity.reference.readings import Budget
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import Rounded
from nnparity.spec import DTYPES, Case, cases_of, load
from nnparity.spec.precision import ACCUMULATE, FUSED, NARROW, TF32
from nnparity.spec.schema import QUANTITIES

ALL = frozenset(QUANTITIES)
#: Formulas that add up products, and one of each kind of composition.
PRODUCTS = ("dense", "conv2d", "attention", "lstm_step", "mlp_backprop", "multi_head_attention", "listing_mlp")


def nearest(digits: int) -> Callable[[Any], Any]:
    def rounded(x: Any) -> Any:
        mantissa, exponent = np.frexp(x)
        return np.ldexp(np.rint(mantissa * 2.0**digits), exponent - digits)

    return rounded


def cut(digits: int) -> Callable[[Any], Any]:
    def rounded(x: Any) -> Any:
        mantissa, exponent = np.frexp(x)
        return np.ldexp(np.trunc(mantissa * 2.0**digits), exponent - digits)

    return rounded


def tensor_core(entering: Callable[[Any], Any]) -> Callable[[Any], Rounded]:
    """float32, one rounding an operation; what enters a sum of products is made narrower before."""

    class Core(Rounded):
        __slots__ = ()

    def einsum(subscripts: str, *operands: Any, **keywords: Any) -> Any:
        if len(operands) == 1:
            return Rounded.FUNCTIONS[np.einsum](subscripts, *operands)
        reading = next(x for x in operands if isinstance(x, Rounded))
        return Rounded.FUNCTIONS[np.einsum](subscripts, *(reading.like(entering(plain(x))) for x in operands))

    Core.UFUNCS, Core.FUNCTIONS = Rounded.UFUNCS, {**Rounded.FUNCTIONS, np.einsum: einsum}
    return lambda array: Core(array, DTYPES["float32"])


def cases(id: str) -> list[Case]:
    return [
        case
        for group in cases_of(load()[id], "float32")
        for case in group
        if sum(x.size for x in case.inputs.values()) < 2000
    ]


def grades(case: Case, entering: Callable[[Any], Any], model: str) -> dict[str, str]:
    lift = tensor_core(entering)
    with np.errstate(all="ignore"):
        seen = {
            name: np.asarray(plain(y)).astype(np.float32) for name, y in evaluate(case, ALL, lift, lift, {}).items()
        }
    truth = expect(case, ALL, model=model)
    return {f"{case.id} {name}": judge(y, truth[name], case.dtype).grade for name, y in seen.items()}


@pytest.mark.parametrize("entering", [nearest(11), cut(11)], ids=["rounded", "cut"])
@pytest.mark.parametrize("id", PRODUCTS)
def test_a_machine_of_tf32_conforms_to_its_model_and_not_to_float32(id: str, entering: Callable[[Any], Any]) -> None:
    held, plainly = {}, {}
    for case in cases(id):
        held |= grades(case, entering, TF32)
        plainly |= grades(case, entering, ACCUMULATE)
    assert {name: grade for name, grade in held.items() if grade != "conforms"} == {}
    assert "diverges" in plainly.values()


@pytest.mark.parametrize("id", PRODUCTS)
def test_a_machine_whose_products_take_fewer_digits_does_not(id: str) -> None:
    """Five fewer are told in each formula; the 8 of bfloat16 in a single layer."""
    assert {grade for case in cases(id) for grade in grades(case, nearest(6), TF32).values()} & {
        "diverges",
        "imprecise",
    }


def test_bfloat16_for_tf32_is_told_in_a_dense_layer() -> None:
    found = [grade for case in cases("dense") for grade in grades(case, nearest(8), TF32).values()]
    assert set(found) & {"diverges", "imprecise"}


def test_small_whole_numbers_stay_exact_and_larger_ones_do_not() -> None:
    """1024 is held by 11 digits, however they are come by; 4097 is not."""
    numbers = arithmetic("float32", model=TF32)
    for size, exact in ((1024.0, True), (4097.0, False)):
        x = Budget(np.full((2, 2), size), numbers)
        assert np.einsum("ij,jk->ik", x, Budget(np.ones((2, 2)), numbers)).exact is exact


def test_zeros_enter_as_zeros() -> None:
    numbers = arithmetic("float32", model=TF32)
    x = np.array([[0.0, 0.3]])
    y = np.einsum("ij,kj->ik", Budget(x, numbers), Budget(np.array([[0.7, 0.0]]), numbers))
    assert float(y.hard.max()) < 1e-30


def test_only_float32_is_held_to_it() -> None:
    assert [name for name in DTYPES if differs(name, TF32)] == ["float32"]
    assert [name for name in DTYPES if differs(name, FUSED)] == [name for name in DTYPES if differs(name, NARROW)]
    assert not any(differs(name, ACCUMULATE) for name in DTYPES)


def test_most_of_the_tolerance_comes_from_the_line_of_the_product() -> None:
    (case, *_) = cases("dense")
    first, *_ = contributions(case, "output", arithmetic("float32", model=TF32))
    assert "einsum" in first.text
    assert first.hard > 0.99


def test_training_machines_round_what_they_multiply() -> None:
    """And so its losses are told less far than float32's, or as far with wider budgets."""
    case = next(group[0] for group in cases_of(load()["train_gan"], "float32"))
    usual, held = (expect(case, frozenset({"output"}), model=model) for model in (ACCUMULATE, TF32))
    assert all(held[name].steps <= usual[name].steps for name in usual)  # type: ignore[operator]
    assert all(np.median(held[name].sharp) > 100 * np.median(usual[name].sharp) for name in usual)
