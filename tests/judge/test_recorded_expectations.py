"""What a record expects instead: nothing else is excused by it, however near its scope."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge import recorded_expectations
from nnparity.judge.recorded_expectations import Evidence, Expects, also_met, met
from nnparity.judge.sensitivity import graded
from nnparity.reference.formulas import gan
from nnparity.reports.records import PASSING, REPEATED, Verdict, Worst
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures
from nnparity.spec.precision import NARROW
from nnparity.spec.schema import QUANTITIES, Signature
from nnparity.tests.judge.verdicts import verdict


def case(formula: str, dtype: str, place: int = 0) -> Case:
    return Case(load()[formula], signatures(load()[formula])[place], "normal", DTYPES[dtype])


def judged(one: Case, seen: Any, quantity: str = "output", **fields: Any) -> tuple[Verdict, Evidence]:
    truth = expect(one, frozenset({quantity.partition(".")[0]}))[quantity]
    found = graded(seen, truth, one, quantity)
    told = {"hard": found.hard, "sharp": found.sharp, "message": found.message, "worst": found.worst} | fields
    line = verdict(found.grade, quantity=quantity, dtype=one.dtype.name, dataset=one.dataset, **told)
    return line, Evidence(one, False, seen, truth)


def right(one: Case, quantity: str = "output", **reading: Any) -> Any:
    return one.dtype.round(expect(one, frozenset({quantity.partition(".")[0]}), **reading)[quantity].value)


def test_a_variant_excuses_its_own_numbers_and_no_others() -> None:
    one = case("cross_entropy", "float32")
    variant = right(one, "grad.p", variant={"normalised": True})
    expects = Expects(variant="normalised")
    assert met(expects, "documented convention", *judged(one, variant, "grad.p"))
    assert not met(expects, "documented convention", *judged(one, variant * np.float32(1.01), "grad.p"))
    assert met(
        Expects(variant="normalised", hard=1e6),
        "documented convention",
        *judged(one, variant * np.float32(1.01), "grad.p"),
    )


def test_a_rewriting_excuses_the_digits_that_it_loses_and_no_more() -> None:
    """tanh differentiated as (1 + y)(1 - y): of its second derivative near 0 few digits are left."""
    one = Case(load()["tanh"], signatures(load()["tanh"])[0], "small", DTYPES["float32"])
    (x,), (g,), (v,) = (tuple(part.values()) for part in (one.inputs, one.cotangents, one.tangents))
    y = np.tanh(x)
    slope = v * ((1 + y) * (1 - y))
    seen = (g * slope) * (1 - y) - (g + g * y) * slope
    expects = Expects(variant="product")
    told, evidence = judged(one, seen, "hvp.x")
    assert told.grade == "diverges"
    assert met(expects, "reduced precision", told, evidence)
    assert not met(expects, "reduced precision", *judged(one, seen + np.float32(1e-5), "hvp.x"))
    assert not met(expects, "reduced precision", *judged(one, np.full_like(seen, np.nan), "hvp.x"))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("id", ["gan_discriminator_loss", "gan_generator_minimax", "gan_generator_nonsaturating"])
def test_one_quotient_excuses_its_cancelled_digits_and_not_one_in_a_hundred(id: str, dtype: str) -> None:
    """ATen's second derivative of binary cross-entropy, computed in the dtype as ATen does."""
    one, quantity = case(id, dtype), "hvp.real" if id == "gan_discriminator_loss" else "hvp.fake"
    name = quantity.partition(".")[2]
    p, v = one.inputs[name], one.tangents[name]
    (g,) = one.cotangents.values()
    t, sign = (0.0, -1.0) if id == "gan_generator_minimax" else (1.0, 1.0)
    kind, eps = p.dtype.type, p.dtype.type(1e-12)
    over = p * p - kind(2) * p * kind(t) + kind(t)
    slope = over / ((p + eps) * (p + eps) * ((kind(1) - p + eps) * (kind(1) - p + eps)))
    seen = (slope * (v * (kind(sign) * g / kind(len(p))))).astype(p.dtype)
    expects = Expects(variant="quotient")
    told, evidence = judged(one, seen, quantity)
    assert told.grade == "conforms" or met(expects, "wrong result", told, evidence)
    unit = DTYPES[dtype].unit
    for factor in (1 + max(0.01, 64 * unit), 0.0, -1.0, np.nan):
        off, evidence = judged(one, (seen.astype(np.float64) * factor).astype(p.dtype), quantity)
        assert off.grade != "conforms"
        assert not met(expects, "wrong result", off, evidence), factor


def test_numbers_without_a_worst_case_are_held_to_what_is_to_be_expected() -> None:
    """A variance that cancels may be 0 in the worst case: then only the sharp budget says something of a quotient."""
    one = Case(load()["layer_norm"], signatures(load()["layer_norm"])[0], "offset", DTYPES["float32"])
    x, gamma, beta = one.inputs.values()
    mean = x.mean(axis=-1, keepdims=True)
    variance = np.square(x).mean(axis=-1, keepdims=True) - np.square(mean)
    seen = (x - mean) / np.sqrt(variance + np.float32(1e-12)) * gamma + beta
    assert seen.dtype == np.float32
    expects, kind = Expects(variant="one_pass"), "reduced precision"
    assert np.isinf(expect(one, frozenset({"output"}), variant={"one_pass": True})["output"].hard).all()
    told, evidence = judged(one, seen)
    assert told.grade == "diverges"
    assert met(expects, kind, told, evidence)
    assert not met(expects, kind, *judged(one, np.float32(100) * seen))
    lost = seen.copy()
    lost[0, 0] = np.nan
    assert not met(expects, kind, *judged(one, lost))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_mean_that_is_a_constant_makes_second_derivatives_wrong_and_nothing_else(dtype: str) -> None:
    """What it adds to dx is -mean(v) mean(g gamma n) / sigma^2 in each element of a row, v being the tangent of x."""
    one = case("layer_norm", dtype)
    truth = expect(one, frozenset(QUANTITIES))
    other = expect(one, frozenset(QUANTITIES), variant={"fixed_mean": True})
    wrong = {name for name in truth if not np.allclose(other[name].value, truth[name].value, rtol=1e-12, atol=0)}
    assert wrong == {"hvp.x"}
    x, gamma, g, v = (
        array.astype(np.float64)
        for array in (one.inputs["x"], one.inputs["gamma"], *one.cotangents.values(), one.tangents["x"])
    )
    normal = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    added = v.mean(-1, keepdims=True) * (g * gamma * normal).mean(-1, keepdims=True) / x.var(-1, keepdims=True)
    off = other["hvp.x"].value - truth["hvp.x"].value
    assert np.allclose(off, np.broadcast_to(-added, off.shape), rtol=1e-6, atol=0)


def test_a_rewriting_is_the_same_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the formula, or the variant that it takes along, but for the 1e-12 that a framework adds to a probability."""
    monkeypatch.setattr(gan, "EPSILON", 0.0)
    rewritten = [(one, name) for one in load().values() for name in one.rewritings]
    assert rewritten
    for formula, name in rewritten:
        one = Case(formula, signatures(formula)[0], formula.datasets[0], DTYPES["float64"])
        changed = formula.rewritings[name].set
        of = [variant.set for variant in formula.variants.values() if variant.set.items() < changed.items()]
        other = expect(one, frozenset(QUANTITIES), variant=changed)
        for quantity, truth in expect(one, frozenset(QUANTITIES), variant=of[0] if of else None).items():
            assert (np.abs(other[quantity].value - truth.value) <= other[quantity].hard + truth.hard).all(), quantity


def test_an_inner_dtype_excuses_its_accuracy_and_no_less() -> None:
    one, expects = case("mse", "float64"), Expects(inner="float32")
    exact = right(one)
    assert met(expects, "reduced precision", *judged(one, exact.astype(np.float32).astype(np.float64)))
    assert not met(expects, "reduced precision", *judged(one, exact.astype(np.float16).astype(np.float64)))


def test_a_wrong_dtype_where_the_numbers_may_be_any() -> None:
    """Of 127 one-hot rows some quotient may leave float16: the budget is infinite, of the variant too."""
    sizes = Signature("n127k7", {"n": 127, "k": 7}, {}, "core", ("onehot",))
    one = Case(load()["sparse_cross_entropy"], sizes, "onehot", DTYPES["float16"])
    seen = np.float64(right(one, "jvp"))
    truth = judged(one, seen, "jvp")[1].truth
    assert truth is not None
    assert np.isinf(truth.judged.hard)
    expects = Expects(variant="normalised", dtype="float64")
    assert met(expects, "wrong result", *judged(one, seen, "jvp"))
    assert not met(Expects(variant="normalised"), "wrong result", *judged(one, seen, "jvp"))


def test_an_inner_dtype_loses_its_subnormal_numbers_where_the_target_has_none() -> None:
    """1e-40 is subnormal in float32: 0 on a target that flushes, itself on any other."""
    one = case("tanh", "float64")
    one.__dict__["inputs"] = {"x": np.full(one.inputs["x"].shape, 1e-40)}
    told, evidence = judged(one, np.zeros(one.inputs["x"].shape))
    assert told.grade == "diverges"
    for flush in (True, False):
        assert met(Expects(inner="float32"), "reduced precision", told, replace(evidence, flush=flush)) == flush
    far, evidence = judged(one, np.full(one.inputs["x"].shape, 1e-36))
    assert not met(Expects(inner="float32"), "reduced precision", far, replace(evidence, flush=True))


def test_a_narrow_model_excuses_a_sum_in_its_own_dtype_and_no_half_of_it() -> None:
    signature = next(one for one in signatures(load()["dense"]) if one.id == "n5i512j3")
    one = Case(load()["dense"], signature, "cancelling", DTYPES["bfloat16"])
    (rows,) = one.cotangents.values()
    seen = rows[0]
    for row in rows[1:]:
        seen = one.dtype.round(seen.astype(np.float64) + row.astype(np.float64))
    line, evidence = judged(one, seen, "grad.b")
    assert line.grade == "diverges"
    assert met(Expects(model=NARROW), "reduced precision", line, evidence)
    assert not met(Expects(model=NARROW), "reduced precision", *judged(one, seen / 2, "grad.b"))


def test_every_element_that_is_wrong_has_the_answer() -> None:
    one = case("dense", "float32")
    seen = right(one)
    seen.flat[0] = np.nan
    assert met(Expects(answer="NaN"), "special value", *judged(one, seen))
    assert not met(Expects(answer="0"), "special value", *judged(one, seen))
    seen.flat[1] = 1e6
    assert not met(Expects(answer="NaN"), "special value", *judged(one, seen))
    assert met(Expects(answer=("NaN", "1e6")), "special value", *judged(one, seen))


def test_where_no_element_is_wrong_those_that_are_off_for_norm_2_have_the_answer() -> None:
    """0 for a mean near 0 is no further off than what the worst case may make of it, and is no rounding."""
    one = case("dense", "float32")
    value = right(one).astype(np.float64)
    value.flat[0] = 1e-3
    truth = Expected(value, np.full(value.shape, 1e-2), np.full(value.shape, 1e-7))
    for first, second, fits in (
        (0, value.flat[1], True),
        (0, value.flat[1] + 1e-3, False),
        (2e-3, value.flat[1], False),
    ):
        seen = value.astype(np.float32)
        seen.flat[:2] = first, second
        found = graded(seen, truth, one, "output")
        assert found.grade == "imprecise"
        line = verdict("imprecise", hard=found.hard, sharp=found.sharp, dtype="float32", dataset=one.dataset)
        assert met(Expects(answer="0"), "wrong result", line, Evidence(one, False, seen, truth)) is fits


@pytest.mark.parametrize("answers", [("NaN", "infinity"), ("finite", "NaN", "infinity")])
def test_what_the_expectation_leaves_open_has_the_answer_too(answers: tuple[str, ...]) -> None:
    """Of one-hot rows in float16 1/p may overflow: the variant has no budget there, and any number would meet it."""
    one = Case(load()["cross_entropy"], signatures(load()["cross_entropy"])[0], "onehot", DTYPES["float16"])
    found = expect(one, frozenset({"hvp"}), variant={"normalised": True})["hvp.p"]
    seen, open_ended = one.dtype.round(found.value), ~np.isfinite(found.hard)
    assert 0 < open_ended.sum() < open_ended.size
    expects, kind = Expects(variant="normalised", answer=answers), "documented convention"
    for number, fits in ((np.inf, True), (np.nan, True), (7.0, "finite" in answers)):
        seen[open_ended] = number
        assert met(expects, kind, *judged(one, seen, "hvp.p")) is fits
    seen[open_ended] = np.inf
    seen[~open_ended] *= np.float16(2)
    assert met(expects, kind, *judged(one, seen, "hvp.p")) is ("finite" in answers)


def test_an_imprecise_result_is_explained_by_what_has_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """No element is wrong: of those that the expectation says nothing of, the mean too must be as it should be."""
    one = case("dense", "float32")
    value = right(one).astype(np.float64)
    left = np.arange(value.size).reshape(value.shape) % 2 == 0
    truth = Expected(value, np.full(value.shape, 1e-2), np.full(value.shape, 1e-5))
    wide = np.where(left, np.inf, 1e-2)
    monkeypatch.setattr(recorded_expectations, "_expected", lambda *_: {"output": Expected(value, wide, wide)})
    for off, fits in ((~left, True), (left, False), (left | ~left, False)):
        seen = (value + np.where(off, 1e-3, 0.0)).astype(np.float32)
        found = graded(seen, truth, one, "output")
        assert found.grade == "imprecise"
        line = verdict("imprecise", hard=found.hard, sharp=found.sharp, dtype="float32", dataset=one.dataset)
        assert met(Expects(variant="no_bias"), "wrong result", line, Evidence(one, False, seen, truth)) is fits


@pytest.mark.parametrize(("place", "fits"), [((0, 1), True), ((0, 0), False)])
def test_nor_is_its_furthest_element_one_that_the_expectation_says_nothing_of(
    place: tuple[int, int], fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among so many numbers one is too far off for chance, and the mean of all is as it should be."""
    formula = load()["tanh"]
    one = Case(formula, next(each for each in signatures(formula) if each.id == "n4d257"), "normal", DTYPES["bfloat16"])
    value = expect(one, frozenset({"output"}))["output"].value
    truth = Expected(value, np.full(value.shape, 10.0), np.full(value.shape, 0.05))
    wide = np.where(np.arange(value.size).reshape(value.shape) % 2 == 0, np.inf, 10.0)
    monkeypatch.setattr(recorded_expectations, "_expected", lambda *_: {"output": Expected(value, wide, wide)})
    seen = value.astype(one.dtype.numpy)
    seen[place] += np.asarray(0.4, one.dtype.numpy)
    found = graded(seen, truth, one, "output")
    assert (found.grade, found.rms is not None and found.rms < 1) == ("imprecise", True)
    line = verdict("imprecise", hard=found.hard, sharp=found.sharp, dtype="bfloat16", dataset=one.dataset)
    assert met(Expects(variant="product"), "wrong result", line, Evidence(one, False, seen, truth)) is fits


def test_beside_margins_either_the_answer_or_the_margins_are_met() -> None:
    one = case("dense", "float32")
    seen, expects = right(one), Expects(hard=100, answer="NaN")
    off = seen * np.float32(1 + 2e-5)
    assert judged(one, off)[0].grade == "diverges"
    assert met(expects, "special value", *judged(one, off))
    assert not met(Expects(answer="NaN"), "special value", *judged(one, off))
    assert not met(expects, "special value", *judged(one, seen * 2))
    seen.flat[0] = np.nan
    assert met(expects, "special value", *judged(one, seen))


def test_of_a_check_the_worst_element_is_known() -> None:
    one = case("mse", "float64")
    value = float(right(one))
    for off, fits in ((1e-9, True), (1e-3, False)):
        line = verdict(hard=1e5, sharp=1e5, dtype="float64", worst=Worst([], value * (1 + off), value))
        assert met(Expects(inner="float32"), "reduced precision", line, Evidence(one)) is fits
    line = verdict(hard=np.inf, worst=Worst([], "nan", value))
    assert met(Expects(answer="NaN"), "special value", line, Evidence(one))
    assert not met(Expects(answer="0"), "special value", line, Evidence(one))


def test_a_wrong_dtype_only_where_the_record_names_it_and_the_numbers_are_right() -> None:
    one = case("dense", "float32")
    seen = right(one).astype(np.float64)
    assert met(Expects(dtype="float64"), "wrong result", *judged(one, seen))
    assert not met(Expects(dtype="float16"), "wrong result", *judged(one, seen))
    assert not met(Expects(hard=1e9), "wrong result", *judged(one, seen))
    assert not met(Expects(dtype="float64"), "wrong result", *judged(one, 2 * seen))
    assert not met(Expects(dtype="float64"), "wrong result", *judged(one, seen[:1]))


@pytest.mark.parametrize(
    ("grade", "message", "fits"),
    [
        ("diverges", "answers float32 (2, 3): 1, 2", True),
        ("error", "fails with valid inputs too: no", False),
        ("error", "raised by the adapter itself, not by what it calls: no", False),
        ("crashed", "died", False),
    ],
)
def test_an_input_that_is_not_rejected_is_answered(grade: str, message: str, fits: bool) -> None:
    line = verdict(grade, dataset="rejects: integers", message=message)
    assert met(Expects(answer="accepts"), "input not rejected", line, None) is fits
    assert not met(Expects(hard=1e9), "wrong result", line, None)


@pytest.mark.parametrize(("grade", "fits"), [("crashed", True), ("error", False), ("timed out", False)])
def test_a_process_that_dies_is_on_record_where_the_record_says_so(grade: str, fits: bool) -> None:
    line = verdict(grade, dataset="empty", message="the process died: killed by SIGABRT")
    assert met(Expects(answer="crash"), "no answer", line, None) is fits
    assert not met(Expects(answer="NaN"), "no answer", line, None)


RAISED = "JaxRuntimeError: INVALID_ARGUMENT: Algorithm not supported"


@pytest.mark.parametrize(
    ("grade", "message", "fits"),
    [
        ("error", RAISED, True),
        ("error", "TypeError: q has rank 3", False),
        ("error", None, False),
        ("crashed", RAISED, False),
        ("diverges", RAISED, False),
    ],
)
def test_what_is_raised_is_on_record_where_the_record_names_its_words(
    grade: str, message: str | None, fits: bool
) -> None:
    line = verdict(grade, dataset="size one", message=message)
    assert met(Expects(raises="Algorithm not supported"), "no answer", line, None) is fits
    for other in (Expects(answer="crash"), Expects(answer="NaN"), Expects(hard=1e9), Expects(inner="float32")):
        assert grade != "error" or not met(other, "no answer", line, None)


@pytest.mark.parametrize("dtype", list(DTYPES))
def test_a_record_that_takes_any_number_says_so(dtype: str) -> None:
    one = case("layer_norm", dtype)
    off = (right(one) * one.dtype.numpy.type(-3)).astype(one.dtype.numpy)
    told, evidence = judged(one, off)
    assert told.grade == "diverges"
    anything = Expects(answer=("NaN", "infinity", "finite"))
    assert {"zeros", "the negative", "NaN"} <= set(also_met(anything, "wrong result", told, evidence))
    assert "zeros" in also_met(Expects(hard=1e15), "wrong result", told, evidence)
    assert "NaN" not in also_met(Expects(hard=1e15), "wrong result", told, evidence)
    assert also_met(Expects(hard=1.5), "wrong result", told, evidence) == ()
    assert also_met(anything, "wrong result", told, None) == ()


@pytest.mark.parametrize("grade", [*PASSING, "nondeterministic"])
@pytest.mark.parametrize("dataset", REPEATED)
def test_what_passes_is_on_no_record_of_nondeterminism(grade: str, dataset: str) -> None:
    line = verdict(grade, dataset=dataset, hard=0.0, sharp=0.0)
    assert met(Expects(hard=1.0), "nondeterminism", line, None) is (grade == "nondeterministic")
