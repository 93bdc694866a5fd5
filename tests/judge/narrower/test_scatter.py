"""Wrong results whose errors have the size of a narrower format's, and that are no roundings."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.diagnosis import diagnosed
from nnparity.judge.grades import judge
from nnparity.judge.narrower.formats import ROUNDINGS
from nnparity.judge.narrower.scatter import elsewhere_right, scattered
from nnparity.reference.readings import Arithmetic
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures

DIGITS = DTYPES["bfloat16"].digits
RANDOM = np.random.default_rng


def case(id: str, dtype: str, dataset: str = "normal", **dims: int) -> Case:
    """Of these sizes."""
    formula = load()[id]
    signature = signatures(formula)[0]
    return Case(formula, msgspec.structs.replace(signature, dims=dims or signature.dims), dataset, DTYPES[dtype])


def told(one: Case, quantity: str, seen: Any, truth: Expected, beside: Any = None) -> str:
    """The diagnosis, of an answer that does not conform."""
    y = np.asarray(seen).astype(one.dtype.numpy)
    assert judge(y, truth, one.dtype).grade != "conforms"
    return diagnosed(one, quantity, y, truth, flush=False, beside=beside or {}).text


def claims(text: str) -> bool:
    return "computation in" in text or "accumulates" in text


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dataset", ["large", "cancelling"])
def test_a_sum_of_each_row_that_is_wrong_is_no_format(dtype: str, dataset: str) -> None:
    """A forward derivative of softmax whose sum ends after 1,024 of 1,200 columns: it is off by one number a row."""
    one = case("softmax", dtype, dataset, n=2, k=1200)
    x, v = (arrays["x"].astype(np.float64) for arrays in (one.inputs, one.tangents))
    y = np.exp(x - x.max(axis=-1, keepdims=True))
    y /= y.sum(axis=-1, keepdims=True)
    seen = (y * (v - (v * y)[:, :1024].sum(axis=-1, keepdims=True))).astype(one.dtype.numpy)
    truth = expect(one, frozenset({"jvp"}))["jvp"]
    if judge(seen, truth, one.dtype).grade != "conforms":
        assert not claims(told(one, "jvp", seen, truth))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_factor_of_each_row_is_no_accumulation(dtype: str) -> None:
    """A softmax in blocks whose sum is not rescaled in one of the rows."""
    one = case("softmax", dtype, n=2, k=1200)
    truth = expect(one, frozenset({"output"}))["output"]
    assert not claims(told(one, "output", truth.value * np.array([[1.0], [0.98]]), truth))


def off(one: Case, part: Callable[[tuple[int, ...]], Any]) -> tuple[np.ndarray, Expected]:
    """An output whose elements are off by such parts of themselves, and what is expected."""
    truth = expect(one, frozenset({"output"}))["output"]
    return np.asarray(truth.value * (1 + part(truth.value.shape))).astype(one.dtype.numpy), truth


def roundings(shape: tuple[int, ...]) -> Any:
    return RANDOM(5).uniform(-1, 1, shape) * 2.0**-8


def of_most_rows(shape: tuple[int, ...]) -> Any:
    """The third of four kinds of rows is right, as where one gate of four has no part in what is wrong."""
    return np.where(np.arange(shape[0])[:, None] % 4 == 2, 0, roundings(shape))


def up_in_a_row_or_down(shape: tuple[int, ...]) -> Any:
    return np.abs(roundings(shape)) * np.where(np.arange(shape[0])[:, None] % 2, 1, -1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param(roundings, True, id="roundings"),
        pytest.param(of_most_rows, False, id="of most rows"),
        pytest.param(up_in_a_row_or_down, False, id="up in a row, or down"),
    ],
)
def test_roundings_are_everywhere_and_keep_no_sign(dtype: str, part: Any, expected: bool) -> None:
    one = case("tanh", dtype, n=8, d=33)
    seen, truth = off(one, part)
    assert scattered(one, seen, truth, DIGITS) == expected
    assert claims(told(one, "output", seen, truth)) == expected
    assert elsewhere_right(seen, truth) == (part is of_most_rows)


def test_of_many_numbers_some_are_right_by_chance() -> None:
    """Of 10,000 in float32 one in 2^16 of its last places is, about."""
    one = case("tanh", "float32", n=100, d=1000)
    seen, truth = off(one, roundings)
    assert 0 < np.count_nonzero(np.abs(seen - truth.value) <= truth.sharp) < 100
    assert not elsewhere_right(seen, truth)


@pytest.mark.parametrize("size", [0.5, 0.9])
def test_errors_that_roundings_hardly_ever_have_are_none(size: float) -> None:
    """Spread evenly up to norm 2 they are 0.58 of it in the mean square; of 1,000 none comes to 0.9."""
    one = case("dense", "float32", n=50, i=5, j=20)
    bfloat16 = DTYPES["bfloat16"]
    inside = Arithmetic(bfloat16.unit, bfloat16.step, bfloat16.largest, lambda value: False)
    output = frozenset({"output"})
    truth, narrow = expect(one, output)["output"], expect(one, output, numbers=inside)["output"]
    noise = RANDOM(3).uniform(-1, 1, truth.value.shape) * np.sqrt(3) * size * narrow.sharp
    assert ("bfloat16" in told(one, "output", truth.value + noise, truth)) == (size < 0.58)


@pytest.mark.parametrize("other", ["as far off", "right", "wrong in some rows", "far off"])
def test_what_is_computed_together_is_of_one_format(other: str) -> None:
    one = case("dense", "float64", n=24, i=9, j=9)
    family = frozenset({"grad"})
    truth = expect(one, family)
    seen = {name: y.value * (1 + roundings(y.value.shape) / 4) for name, y in truth.items()}
    w = truth["grad.w"].value
    seen["grad.w"] = {
        "as far off": seen["grad.w"],
        "right": w,
        "wrong in some rows": w * (1 + of_most_rows(w.shape)),
        "far off": w * (1 + 64 * roundings(w.shape)),
    }[other]
    named = told(one, "grad.x", seen["grad.x"], truth["grad.x"], beside=seen)
    assert claims(named) == (other in ("as far off", "right")), named


def test_numbers_of_the_format_are_certain_whatever_came_with_them() -> None:
    one = case("dense", "float32", n=8, i=9, j=9)
    truth = expect(one, frozenset({"grad"}))
    seen = {name: y.value.astype(np.float32) for name, y in truth.items()}
    seen["grad.x"] = ROUNDINGS["bfloat16"](seen["grad.x"]).astype(np.float32)
    seen["grad.w"] = 3 * seen["grad.w"]
    found = told(one, "grad.x", seen["grad.x"], truth["grad.x"], beside=seen)
    assert found == "the result was rounded to bfloat16"
