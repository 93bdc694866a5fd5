"""What is expected instead, of training runs, losses by rows and flash attention: NumPy that computes so meets it."""

from typing import Any

import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.monte_carlo import machines
from nnparity.judge import recorded_expectations
from nnparity.judge.recorded_expectations import Evidence, Expects, met
from nnparity.judge.sensitivity import graded
from nnparity.reports.records import Verdict
from nnparity.spec import DTYPES, Case, cases_of, load
from nnparity.spec.given import Given
from nnparity.spec.loader import signatures
from nnparity.tests.judge.verdicts import verdict

KIND: recorded_expectations.Class = "reduced precision"
SINGLE = Expects(inner="float32")


def judged(one: Case, seen: Any, quantity: str) -> tuple[Verdict, Evidence]:
    truth = expect(one, frozenset({quantity.partition(".")[0]}))[quantity]
    found = graded(seen, truth, one, quantity)
    told = {"hard": found.hard, "sharp": found.sharp, "message": found.message, "worst": found.worst}
    line = verdict(found.grade, quantity=quantity, dtype=one.dtype.name, dataset=one.dataset, **told)
    return line, Evidence(one, False, seen, truth)


def far_too_fast(salt: str) -> Case:
    """Gradient descent at eight times a sensible rate, in float64, whose 60 steps are all told."""
    cases = [cases[0] for cases in cases_of(load()["train_mlp"], "float64", "core", salt)]
    return next(case for case in cases if case.signature.attributes["lr"] == 8.0)


@pytest.fixture(scope="module")
def chaotic() -> tuple[Case, np.ndarray, int]:  # type: ignore[type-arg]
    """The run, its weights on a machine of float32, and how many steps of 60 float32 foresees."""
    case, quantity = far_too_fast("soak-1"), "output.w2_next"
    (seen,) = machines(case, "output", 1, DTYPES["float32"].unit)[quantity]
    asked = case, frozenset({"output"}), False, "", recorded_expectations.Instead(inner="float32")
    steps = recorded_expectations._expected(*asked)[quantity].steps
    assert steps is not None
    return case, seen, steps


def test_a_run_in_an_inner_dtype_is_judged_as_far_as_that_foresees(chaotic: Any) -> None:
    case, seen, steps = chaotic
    told, evidence = judged(case, seen, "output.w2_next")
    assert told.grade == "diverges"
    assert evidence.truth is not None
    assert evidence.truth.steps is not None
    assert 2 * steps < evidence.truth.steps
    assert met(SINGLE, KIND, told, evidence)
    for wrong in (np.zeros_like(seen), -seen, seen.astype(np.float16).astype(np.float64), 1.001 * seen):
        assert not met(SINGLE, KIND, *judged(case, wrong, "output.w2_next"))


def test_a_run_that_goes_wrong_where_nothing_is_foreseen_is_on_no_record(chaotic: Any) -> None:
    """Right to float64 up to there: it was not computed in float32."""
    case, seen, steps = chaotic
    _, evidence = judged(case, seen, "output.w2_next")
    assert evidence.truth is not None
    late = np.where(np.arange(len(seen))[:, None, None] < steps, evidence.truth.value, seen)
    assert judged(case, late, "output.w2_next")[0].grade == "diverges"
    assert not met(SINGLE, KIND, *judged(case, late, "output.w2_next"))


def by_rows(y: Any, t: Any) -> Any:
    """As a loss that leaves the mean over samples to others, half precision rounded after each operation."""
    rows = np.square(y - t).astype(np.float32).mean(axis=1).astype(y.dtype)
    total = rows.astype(np.float32).sum().astype(y.dtype)
    return (total.astype(np.float32) * np.float32(y.shape[1] / (2 * len(y)))).astype(y.dtype)


def small_errors(salt: str) -> Case:
    signature = next(one for one in signatures(load()["mse"]) if one.id == "n8k160")
    return Case(load()["mse"], signature, "small", DTYPES["float16"], salt)


def test_rows_whose_means_are_subnormal_are_excused_and_no_more() -> None:
    """On every seed; some are off by more than any correct sum would be."""
    grades = set()
    for salt in map(str, range(40)):
        one = small_errors(salt)
        seen = np.asarray(by_rows(*one.inputs.values()))
        told, evidence = judged(one, seen, "output")
        grades.add(told.grade)
        assert told.grade == "conforms" or met(Expects(variant="by_rows"), KIND, told, evidence), salt
        for factor in (0.0, -1.0, 2.0, 1.2, np.nan):
            wrong = np.asarray(seen * np.float16(factor))
            assert not met(Expects(variant="by_rows"), KIND, *judged(one, wrong, "output")), (salt, factor)
    assert "imprecise" in grades


def flash_back(g: Any, q: Any, k: Any, v: Any) -> tuple[Any, Any, Any]:
    """Back through attention as FlashAttention-2 does (algorithm 2), in the dtype of its inputs."""
    kind = q.dtype.type
    scores = q @ k.swapaxes(1, 2) * kind(1 / np.sqrt(q.shape[2]))
    top = scores.max(-1, keepdims=True)
    powers = np.exp(scores - top)
    total = powers.sum(-1, keepdims=True)
    output, lse = (powers / total) @ v, top + np.log(total)
    p = np.exp(scores - lse)
    ds = p * (g @ v.swapaxes(1, 2) - (g * output).sum(-1, keepdims=True)) * kind(1 / np.sqrt(q.shape[2]))
    return ds @ k, ds.swapaxes(1, 2) @ q, p.swapaxes(1, 2) @ g


def apart(dtype: str, salt: str) -> Case:
    """Scores near 35, 30, 25 ...: the largest weight is all but 1, and the logarithm of the sum is rounded as 35 is."""
    formula = load()["attention"]
    one = Case(formula, signatures(formula)[1], "normal", DTYPES[dtype], salt)
    q, k = (np.array(one.inputs[name]) for name in "qk")
    q[..., 0] += 100
    k *= 0.05
    k[..., 0] += 0.2 * (7 - np.arange(k.shape[1]))
    given = {"q": one.dtype.round(q), "k": one.dtype.round(k), "v": one.inputs["v"]}
    return Given(formula, one.signature, "given", one.dtype, salt, given, one.cotangents)


@pytest.mark.parametrize(("dtype", "expects"), [("float32", Expects()), ("float64", SINGLE)])
def test_weights_made_again_from_the_logsumexp_are_excused_and_no_more(dtype: str, expects: Expects) -> None:
    flash = Expects(variant="flash", inner=expects.inner)
    seen_by = set()
    for salt in map(str, range(20)):
        one = apart(dtype, salt)
        (g,) = one.cotangents.values()
        found = flash_back(*(x.astype(np.float32) for x in (g, *one.inputs.values())))
        for name, seen in zip("qkv", found, strict=True):
            quantity = f"grad.{name}"
            told, evidence = judged(one, seen.astype(one.dtype.numpy), quantity)
            assert told.grade == "conforms" or met(flash, KIND, told, evidence), (salt, quantity)
            plain = told.grade == "conforms" or (expects.computed and met(expects, KIND, told, evidence))
            seen_by |= set() if plain else {quantity}
            for wrong in (0 * seen, -seen, seen * np.float32(1.001), np.roll(seen, 1, axis=1)):
                if quantity == "grad.v":  # the others are next to nothing, each weight being 0 or 1
                    line = judged(one, wrong.astype(one.dtype.numpy), quantity)
                    assert line[0].grade == "diverges"
                    assert not met(flash, KIND, *line), (salt, quantity)
    assert "grad.v" in seen_by, "without the rewriting it is not excused"
