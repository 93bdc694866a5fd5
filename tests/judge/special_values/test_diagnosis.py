"""What puts just these NaN, infinities and zeros where others are right is named; too little is told by its kinds."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from nnparity.expect.alternatives import numbers, wide
from nnparity.judge.answer_patterns import pattern
from nnparity.judge.diagnosis import Diagnosis
from nnparity.judge.elements import Array
from nnparity.judge.special_values.diagnosis import Failing, diagnosed_special
from nnparity.judge.special_values.rules import Settled, settle
from nnparity.reference.readings.rounded import on
from nnparity.spec import Case, load
from nnparity.spec.cases.special_values import special, special_case, specials_of
from nnparity.spec.given import Given

DTYPES = ("float64", "float32", "float16", "bfloat16")
FIRST = frozenset({"output", "grad"})
NAN_BECAME = "what is NaN in the result became 0"
NAN_TAKEN = "NaN in {} taken for {}"


def settled(case: Case, quantity: str, seen: Array) -> Settled:
    with np.errstate(all="ignore"):
        found = settle(case, quantity, seen, False, FIRST)
    assert found.judgement.grade == "diverges"
    return found


def named(case: Case, quantity: str, seen: Array) -> Diagnosis:
    found = settled(case, quantity, seen)
    assert found.truth is not None
    return diagnosed_special(case, quantity, found.seen, found.truth, False)  # type: ignore[arg-type]


def right(case: Case, quantity: str = "output", **changed: Any) -> Array:
    """What the formula gives, of other inputs where these are given."""
    with np.errstate(all="ignore"):
        names = (case.formula, case.signature, case.dataset, case.dtype, case.salt)
        other = Given(*names, {**case.inputs, **changed}, case.cotangents)
        return numbers(other, FIRST, wide, {})[quantity].astype(case.dtype.numpy)


def taken(case: Case, name: str, kind: Any, value: float) -> Array:
    """An input with another number in the place of a kind."""
    x = case.inputs[name].astype(np.float64)
    return np.where(kind(x), value, x).astype(case.dtype.numpy)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_an_input_is_taken_for_is_named(dtype: str) -> None:
    for formula, dataset, kind, value, says in (
        ("softmax", "nan rows", np.isnan, 0.0, NAN_TAKEN.format("x", "0")),
        ("softmax", "all masked", np.isneginf, -1e4, "-inf in x taken for -10,000"),
        ("dense", "several nan", np.isnan, 0.0, NAN_TAKEN.format("x", "0")),
    ):
        case = special_case(load()[formula], dataset, dtype)
        found = named(case, "output", right(case, x=taken(case, "x", kind, value)))
        assert says in found.names
        assert not found.likely


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_a_result_became_is_named_and_a_few_kinds_make_it_likely_alone(dtype: str) -> None:
    for dataset, likely in (("nan", True), ("several nan", False)):
        case = special_case(load()["dense"], dataset, dtype)
        found = named(case, "output", np.where(np.isnan(y := right(case)), 0, y).astype(y.dtype))
        assert found == Diagnosis((NAN_BECAME,), likely=likely)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_element_has_no_name_and_is_told_by_its_kinds(dtype: str) -> None:
    case = special_case(load()["tanh"], "nan", dtype)
    found = named(case, "output", np.where(np.isnan(y := right(case)), 0, y).astype(y.dtype))
    assert found == Diagnosis(pattern="0 where NaN is right, in 1 of 15 elements: [0, 0]")


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_overflows_between_numbers_is_told(dtype: str) -> None:
    case = special_case(load()["softmax"], "very negative logits", dtype)
    for answer, told in (
        (np.nan, "; on the way two infinities are subtracted or divided, or two zeros divided"),
        (np.inf, "; it overflows on the way"),
    ):
        found = named(case, "output", np.full_like(right(case), answer))
        assert found.pattern.endswith(told)
    infinite = special_case(load()["softmax"], "infinity", dtype)
    found = named(infinite, "output", np.full_like(right(infinite), np.inf))
    assert "on the way" not in found.text


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_choice_at_zero_is_told_by_its_place(dtype: str) -> None:
    case = special_case(load()["relu"], "zeros", dtype)
    gradient = right(case, "grad.x")
    found = named(case, "grad.x", np.where(case.inputs["x"] == 0, 5, gradient).astype(gradient.dtype))
    assert found.text == "unknown: only where x is 0, and everywhere there"


@pytest.mark.parametrize("dtype", DTYPES)
def test_of_zeros_nothing_is_said_that_zeros_meet_by_the_width_of_its_budget(dtype: str) -> None:
    case = special_case(load()["attention"], "very negative logits", dtype)
    seen = np.zeros_like(right(case, "grad.q"))
    zeros = pattern(case, "grad.q", seen, settled(case, "grad.q", seen).truth)  # type: ignore[arg-type]
    assert named(case, "grad.q", seen) == Diagnosis((zeros,))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("machine", [False, True])
def test_nearly_all_variants_are_named_whatever_the_special_values_are(dtype: str, machine: bool) -> None:
    """As they are, or with every operation rounded; what else explains a single element is not held against it."""
    lift = on("float32" if dtype != "float64" else dtype, False, 1) if machine else wide
    told: Counter[bool] = Counter()
    for name in ("softmax", "layer_norm", "gelu", "attention", "masked_attention", "conv2d", "cross_entropy"):
        formula = load()[name]
        for dataset in specials_of(formula):
            case = special_case(formula, dataset, dtype)
            if dataset == "subnormal" or special(dataset).structural:
                continue
            for variant in formula.variants.values():
                with np.errstate(all="ignore"):
                    answers = numbers(case, FIRST, lift, variant.set)
                    for quantity, value in answers.items():
                        seen = value.astype(case.dtype.numpy)
                        found = settle(case, quantity, seen, False, FIRST)
                        if found.judgement.grade == "diverges" and found.truth is not None:
                            names = diagnosed_special(case, quantity, seen, found.truth, False).names
                            told[any(variant.says in one for one in names)] += 1
    assert told[True] > 300
    assert 10 * told[False] <= told[True]


def test_of_a_composition_which_takes_long_no_variant_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Failing, "value", None)
    formula = next(one for one in load().values() if one.composition and "nan" in specials_of(one))
    case = special_case(formula, "nan", "float32")
    quantity = next(iter(formula.quantities))
    seen = np.where(np.isnan(y := right(case, quantity)), 0, y).astype(y.dtype)
    found = settle(case, quantity, seen, False, FIRST)
    assert found.truth is not None
    assert NAN_BECAME in diagnosed_special(case, quantity, seen, found.truth, False).names
