"""What once conformed though it was wrong: NaN where nothing could overflow, zeros and negatives, margins of NaN."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.grades import judge
from nnparity.judge.sensitivity import BELOW, graded, qualified, right
from nnparity.judge.special_values.rules import expected, mixed, settle
from nnparity.reference.readings.budget import ranges
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.cases.special_values import special_case, specials_of
from nnparity.spec.loader import signatures
from nnparity.spec.schema import QUANTITIES

ALL = frozenset(QUANTITIES)
FIRST = frozenset({"output", "grad"})
FORMULAS = [formula for formula in load().values() if not formula.composition]


def first_case(id: str, dtype: str, dataset: str = "normal") -> Case:
    formula = load()[id]
    return Case(formula, signatures(formula)[0], dataset, DTYPES[dtype])


def like(truth: Expected, value: float, case: Case) -> Any:
    return np.full(truth.value.shape, value, case.dtype.numpy)


@pytest.mark.parametrize("value", [np.nan, 1000.0])
def test_nan_and_a_constant_are_no_gradient_of_attention_in_float16(value: float) -> None:
    case = first_case("multi_head_attention", "float16")
    truth = expect(case, FIRST)["grad.wq"]
    assert graded(like(truth, value, case), truth, case, "grad.wq").grade == "diverges"


def test_neither_zeros_nor_the_negative_of_a_bert_conform_in_bfloat16() -> None:
    """But where the result is 0 by theory."""
    formula = load()["listing_bert"]
    told = Counter[str]()
    for signature in signatures(formula):
        for dataset in signature.datasets:
            case = Case(formula, signature, dataset, DTYPES["bfloat16"])
            for quantity, truth in expect(case, ALL).items():
                for sign in (0.0, -1.0) if quantity not in formula.vanishing else ():
                    wrong = (sign * truth.value).astype(case.dtype.numpy)
                    told[qualified(graded(wrong, truth, case, quantity), truth, case, quantity).grade] += 1
    assert told["conforms"] == 0, told
    assert told["diverges"] > 0, told


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_of_which_no_element_is_judged_do_not_conform(dtype: str) -> None:
    """The exact answer itself, so that every verdict would conform that can."""
    told = Counter[str]()
    for case in (special_case(formula, "largest", dtype) for formula in FORMULAS if "largest" in specials_of(formula)):
        asked = FIRST if case.formula.wrt else frozenset({"output"})
        for quantity, truth in expected(case, asked, False, None, "").items():
            judged = settle(case, quantity, truth.value.astype(case.dtype.numpy), False, asked).judgement
            judges = bool(np.isfinite(truth.hard).any())
            told[f"{judged.grade}, {'some' if judges else 'no'} element judged"] += 1
    assert told["conforms, no element judged"] == 0, told
    assert told["inconclusive, no element judged"] > 0, told
    assert told["conforms, some element judged"] > 0, told


@pytest.mark.parametrize("answer", [np.nan, 0.0])
def test_where_an_intermediate_result_overflows_nan_and_zeros_are_inconclusive(answer: float) -> None:
    """(y - t)^2 of the largest float32 is infinite: any number may come out."""
    case = special_case(load()["mse"], "largest", "float32")
    truth = expected(case, FIRST, False, None, "")["output"]
    assert np.isinf(truth.hard).all()
    judged = settle(case, "output", like(truth, answer, case), False, FIRST).judgement
    assert judged.grade == "inconclusive"
    assert "NaN" in str(judged.message)


def test_a_permitted_answer_keeps_its_words() -> None:
    case = special_case(load()["relu"], "zeros", "float32")
    asked = frozenset({"grad"})
    kept = expected(case, asked, False, 3, "")["grad.x"]
    found = settle(case, "grad.x", kept.value.astype(np.float32), False, asked)
    assert (found.judgement.grade, found.note) == ("conforms", "gradient 1/2 at 0")


def test_a_mixture_of_answers_that_bound_nothing_together_is_inconclusive() -> None:
    """Each bounds one element, and the other one is met by anything."""
    case = first_case("dense", "float32")
    first, second = (Expected(np.ones(2), np.array(hard), np.array(hard)) for hard in ([0.1, np.inf], [np.inf, 0.1]))
    seen = np.full(2, np.nan, np.float32)
    settled = mixed(case, "output", seen, [(first, "one"), (second, "the other")])
    assert settled is not None
    assert settled.judgement.grade == "inconclusive"
    assert settled.note == "from element to element: one, or the other"
    assert "NaN" in str(settled.judgement.message)


def test_nan_that_is_required_is_no_wrong_answer_where_the_result_vanishes() -> None:
    """A key bias has no gradient, but for keys of NaN."""
    case = special_case(load()["multi_head_attention"], "nan", "float32")
    truth = expected(case, FIRST, False, None, "")["grad.bk"]
    assert np.isnan(truth.value).all()
    assert settle(case, "grad.bk", like(truth, np.nan, case), False, FIRST).judgement.grade == "conforms"


def test_a_margin_of_nan_conforms_to_nothing() -> None:
    case = first_case("dense", "float32")
    truth = expect(case, FIRST)["output"]
    seen = truth.value.astype(np.float32)
    seen[0, 0] *= 1 + 2**-20
    for budget in ("hard", "sharp"):
        wide = {"hard": np.ones_like(truth.hard), "sharp": np.ones_like(truth.sharp)}
        none = replace(truth, **{**wide, budget: np.full_like(truth.hard, np.nan)})
        assert judge(seen, replace(truth, **wide), case.dtype).grade == "conforms"
        assert judge(seen, none, case.dtype).grade != "conforms"


def test_the_square_of_a_number_near_the_largest_is_an_infinite_range() -> None:
    """It raised, and a run over special values of float64 ended there."""
    assert ranges.squared(ranges.Range(-1e200, 1e300)) == (0.0, np.inf)


def test_what_is_smaller_than_the_smallest_number_of_the_dtype_shows_nothing() -> None:
    """The gradient of a key's bias is about 1e-15 there, and 1e-7 conforms: it proves the target right in nothing."""
    case = first_case("multi_head_attention", "float16", "small")
    truth = expect(case, FIRST)["grad.bq"]
    seen = truth.value.astype(np.float16)
    judged = qualified(graded(seen, truth, case, "grad.bq"), truth, case, "grad.bq")
    assert judged.grade == "inconclusive"
    assert BELOW in (judged.message or "")


@pytest.mark.parametrize("answer", [0.0, 1.0, -np.inf])
def test_a_finite_number_is_no_infinity_that_was_rounded(answer: float) -> None:
    assert not right(np.full(1, answer, np.float32), np.full(1, np.inf), DTYPES["float32"])
    assert right(np.full(1, np.inf, np.float32), np.full(1, np.inf), DTYPES["float32"])


@pytest.mark.parametrize(
    ("formula", "quantity", "dtype"),
    [
        ("lstm_stacked", "grad.wh1", "float16"),
        ("layer_norm", "output", "float16"),
        ("gan_discriminator_loss", "grad.real", "float32"),
    ],
)
def test_where_subnormal_numbers_are_flushed_nan_proves_nothing(formula: str, quantity: str, dtype: str) -> None:
    case = special_case(load()[formula], "subnormal", dtype)
    assert case is not None
    like = case.inputs[quantity[5:]] if quantity.startswith("grad.") else case.inputs["x"]
    nan = np.full(like.shape, np.nan).astype(dtype)
    assert settle(case, quantity, nan, True, FIRST).judgement.grade == "inconclusive"


def test_where_subnormal_numbers_are_flushed_zeros_are_right() -> None:
    case = special_case(load()["dense"], "subnormal", "float32")
    assert case is not None
    zeros = np.zeros(case.shapes["output"], np.float32)
    assert settle(case, "output", zeros, True, FIRST).judgement.grade == "conforms"
    assert settle(case, "output", zeros * np.nan, True, FIRST).judgement.grade == "diverges"
