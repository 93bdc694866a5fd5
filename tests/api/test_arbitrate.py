"""Two results of one formula: who is farther from the truth, by how much, and what it comes from."""

from typing import Any

import numpy as np
import pytest

import nnparity

RANDOM = np.random.default_rng(0)
Q, K, V = (RANDOM.normal(size=(2, 4, 8)).astype(np.float32) for _ in range(3))
GIVEN = {"q": Q, "k": K, "v": V}


def attention(scale: float = 8**-0.5, dtype: Any = np.float64, probabilities: Any = None) -> Any:
    scores = Q.astype(dtype) @ K.astype(dtype).swapaxes(1, 2) * dtype(scale)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    return ((p if probabilities is None else p.astype(probabilities)) @ V.astype(dtype)).astype(np.float32)


RIGHT = attention()
WRONG = {
    "convention": (attention(1.0), "no 1/√d_k"),
    "rounding": (attention(probabilities=np.float16), "likely: as accurate as a computation in float16"),
    "bug": (0 * RIGHT, "zeros: nothing of the result is written"),
}


@pytest.mark.parametrize("cause", WRONG)
@pytest.mark.parametrize("turned", [False, True])
def test_who_is_farther_and_why(cause: str, turned: bool) -> None:
    wrong, named = WRONG[cause]
    pair = (wrong, RIGHT) if turned else (RIGHT, wrong)
    found = nnparity.arbitrate(*pair, "attention", inputs=GIVEN)
    near, far = (found.b, found.a) if turned else (found.a, found.b)
    assert not found
    assert found.farther == ("a" if turned else "b")
    assert found.factor > 100
    assert (near.cause, near.diagnosis) == ("rounding", None)
    assert (far.cause, far.diagnosis) == (cause, named)
    assert far.error == pytest.approx(float(np.sqrt(np.mean((wrong - RIGHT).astype(np.float64) ** 2))), rel=1e-2)
    for words in ("times as far from the truth", named, "a: ", "b: "):
        assert words in str(found)


def test_two_that_are_right_differ_by_rounding() -> None:
    found = nnparity.arbitrate(RIGHT, attention(dtype=np.float32), "attention", inputs=GIVEN)
    assert found
    assert found.farther == "b"
    assert {found.a.cause, found.b.cause} == {"rounding"}
    assert "both within their budget: rounding" in str(found)
    same = nnparity.arbitrate(RIGHT, RIGHT, "attention", **GIVEN)
    assert same.farther is None
    assert same.factor == 1.0


def test_what_is_no_number_is_farther_than_anything() -> None:
    found = nnparity.arbitrate(np.nan * RIGHT, attention(1.0), "attention", inputs=GIVEN)
    assert found.farther == "a"
    assert found.a.cause == "bug"


def test_gradients_too() -> None:
    y, t = RIGHT[0], np.zeros_like(RIGHT[0])
    found = nnparity.arbitrate((y / 4), (2 * y / 4), "mse", inputs={"y": y, "t": t}, wrt="y")
    assert found.farther == "b"
    assert found.b.cause == "convention"


def test_what_is_only_likely_has_its_cause_too() -> None:
    y, t = RIGHT[0], np.zeros_like(RIGHT[0])
    loss = np.sum(y.astype(np.float64) ** 2) / len(y[0])
    found = nnparity.arbitrate(np.float32(loss), np.float32(loss / 5), "mse", inputs={"y": y, "t": t})
    assert (found.a.cause, found.a.diagnosis) == ("rounding", None)
    assert (found.b.cause, found.b.diagnosis) == ("convention", "likely: the expected result times 0.2")


def test_results_of_two_dtypes_have_two_truths() -> None:
    with pytest.raises(nnparity.UsageError, match="a is float32 and b is float64"):
        nnparity.arbitrate(RIGHT, RIGHT.astype(np.float64), "attention", inputs=GIVEN)


def test_results_without_an_element_tell_nothing() -> None:
    none = np.zeros((0, 5), np.float32)
    verdict = nnparity.arbitrate(none, none, "softmax", x=none)
    assert not verdict
    assert (verdict.farther, verdict.factor, verdict.a.cause) == (None, 1.0, "untold")
    assert str(verdict).startswith("both err alike\n")
    assert "the result has no element" in str(verdict)
