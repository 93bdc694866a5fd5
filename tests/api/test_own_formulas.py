"""Formulas of one's own, in plain NumPy: value, gradient with and without a VJP, and what cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnparity
from nnparity.reference import FORMULAS
from nnparity.spec import load
from nnparity.store import memory


def softplus(x: Any) -> Any:
    return np.log(1 + np.exp(x))


def rms_norm(x: Any, gamma: Any, eps: float = 1e-6) -> Any:
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * gamma


def layer(x: Any, w: Any, b: Any) -> Any:
    return np.tanh(x @ w.T + b)


def layer_vjp(g: Any, x: Any, w: Any, b: Any) -> Any:
    d = g * (1 - layer(x, w, b) ** 2)
    return d @ w, d.T @ x, d.sum(0)


def picked(table: Any, rows: Any) -> Any:
    return np.take(table, rows, axis=0)


def numbers(*sizes: Any, dtype: Any = np.float32) -> list[Any]:
    random = np.random.default_rng(0)
    return [random.normal(size=size).astype(dtype) for size in sizes]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_its_value_and_tolerance_follow_from_its_code(dtype: Any) -> None:
    (x,) = numbers((3, 5), dtype=dtype)
    right = np.logaddexp(0, x.astype(np.longdouble)).astype(dtype)
    nnparity.assert_close(right, reference=softplus, inputs={"x": x})
    for wrong in (np.maximum(x, 0), 0 * right, right * dtype(1.02)):
        with pytest.raises(AssertionError, match="softplus in"):
            nnparity.assert_close(wrong, reference=softplus, inputs={"x": x})


def test_attributes_are_keywords_of_the_function() -> None:
    x, gamma = numbers((3, 8), 8)
    x = np.float32(1e-3) * x
    wide = x.astype(np.float64)
    for eps in (1e-6, 1e-3):
        right = (wide / np.sqrt((wide**2).mean(-1, keepdims=True) + eps) * gamma).astype(np.float32)
        nnparity.assert_close(right, nnparity.formula(rms_norm), x=x, gamma=gamma, eps=eps)
        with pytest.raises(AssertionError):
            nnparity.assert_close(right, nnparity.formula(rms_norm), x=x, gamma=gamma, eps=2 * eps)


def optional(x: Any, mask: Any = None, w: Any = None) -> Any:
    masked = x if mask is None else x * mask
    return masked if w is None else masked + w


def between(x: Any, alpha: float, w: Any) -> Any:
    return alpha * x + w


def between_vjp(g: Any, x: Any, alpha: float, w: Any) -> Any:
    return alpha * g, g


def by_keyword(x: Any, *, w: Any) -> Any:
    return x + w


def by_place(x: Any, mask: Any = None, w: Any = 0, /) -> Any:
    return optional(x, mask, w)


def gathered(x: Any, **others: Any) -> Any:
    return x + others["w"]


@pytest.mark.parametrize("function", [optional, by_keyword, by_place, gathered])
def test_arrays_reach_the_parameter_of_their_name(function: Any) -> None:
    x, w = numbers((3, 5), (3, 5))
    nnparity.assert_close(x + w, reference=function, x=x, w=w)
    with pytest.raises(AssertionError):
        nnparity.assert_close(x * w, reference=function, x=x, w=w)


@pytest.mark.parametrize("vjp", [between_vjp, lambda g, *inputs, alpha: (alpha * g, g), None])
def test_an_attribute_may_stand_between_arrays(vjp: Any) -> None:
    x, w, g = numbers((3, 5), (3, 5), (3, 5))
    own = nnparity.formula(between, vjp)
    nnparity.assert_close(2 * x + w, own, x=x, alpha=2.0, w=w)
    nnparity.assert_close(2 * g, own, x=x, alpha=2.0, w=w, wrt="x", cotangent=g)
    nnparity.assert_close(g, own, x=x, alpha=2.0, w=w, wrt="w", cotangent=g)


def test_a_vjp_gets_inputs_by_name_where_it_has_their_names() -> None:
    x, w, g = numbers((3, 5), (3, 5), (3, 5))

    def product(x: Any, mask: Any = None, w: Any = 1) -> Any:
        return x * w

    def vjp(g: Any, x: Any, mask: Any = None, w: Any = 1) -> Any:
        return g * w, g * x

    nnparity.assert_close(g * w, nnparity.formula(product, vjp), x=x, w=w, wrt="x", cotangent=g)


@pytest.mark.parametrize("vjp", [lambda g, x: 2 * g * x, lambda g, y: 2 * g * y, None])
def test_nothing_of_it_is_kept(tmp_path: Path, vjp: Any) -> None:
    """Another function of that name may be meant in the next process."""
    (x,) = numbers((3, 5))
    with memory.using(tmp_path) as counted:
        nnparity.assert_close(2 * x * x, nnparity.formula(lambda x: x * x, vjp), x=x, wrt="x", cotangent=x)
    assert not counted.results.get("expectations")


@pytest.mark.parametrize("vjp", [layer_vjp, None])
def test_gradients_have_a_truth_with_a_vjp_and_without(vjp: Any) -> None:
    x, w, b, g = numbers((3, 5), (4, 5), 4, (3, 4))
    own = nnparity.formula(layer, vjp)
    right = layer_vjp(g, x, w, b)
    for name, gradient in zip(("x", "w", "b"), right, strict=True):
        result = nnparity.assert_close(gradient, own, x=x, w=w, b=b, wrt=name, cotangent=g)
        assert result.resolution < 1e-5
        with pytest.raises(AssertionError):
            nnparity.assert_close(gradient * np.float32(1 + 1e-4), own, x=x, w=w, b=b, wrt=name, cotangent=g)


#: Of formulas of the spec, the smallest and the largest that their budgets without a VJP may be of those with it. The
#: way back through a softmax starts from shares, whose errors cancel; the derivative of a quotient does not know that.
LEAST, MOST = 0.4, 30


@pytest.mark.parametrize("id", ["dense", "softmax", "attention", "residual_attention", "sigmoid", "mse", "lstm_step"])
def test_without_a_vjp_budgets_are_of_the_size_of_those_with_it(id: str) -> None:
    """Forward derivatives round elsewhere than the way back; twice their budget is for the difference."""
    from nnparity.api.comparison import Asked
    from nnparity.expect.budgets import expect
    from nnparity.spec import DTYPES, Case
    from nnparity.spec.loader import signatures

    formula = load()[id]
    case = Case(formula, signatures(formula)[0], "normal", DTYPES["float32"])
    g = tuple(case.cotangents.values())
    asked = Asked(nnparity.formula(FORMULAS[id].forward), dict(case.inputs), formula.wrt, g[0] if len(g) == 1 else g)
    truth = expect(case, frozenset({"grad"}))
    with asked.question("float32") as question:
        for name, mine in question.truth.items():
            assert np.abs(mine.value - truth[name].value).max() <= 1e-13 * np.abs(truth[name].value).max()
            for one, other in ((mine.hard, truth[name].hard), (mine.sharp, truth[name].sharp)):
                assert np.min(one / other) > LEAST
                assert np.max(one / other) < MOST


def test_whole_numbers_go_in_and_have_no_gradient() -> None:
    table, rows = *numbers((5, 3)), np.array([1, 4, 1])
    nnparity.assert_close(table[rows], nnparity.formula(picked), table=table, rows=rows)
    g = np.ones((3, 3), np.float32)
    gradient = np.zeros_like(table)
    np.add.at(gradient, rows, g)
    nnparity.assert_close(gradient, nnparity.formula(picked), table=table, rows=rows, wrt="table", cotangent=g)
    with pytest.raises(nnparity.UsageError, match="no input to differentiate by is called 'rows'; there are: table"):
        nnparity.assert_close(gradient, nnparity.formula(picked), table=table, rows=rows, wrt="rows", cotangent=g)


def cumulated(x: Any) -> Any:
    y = np.exp(x)
    return np.cumsum(y, axis=-1)


def turned(x: Any) -> Any:
    return np.asarray(x, dtype=object)


def of_tensors(x: Any) -> Any:
    return x.unsqueeze(0)


def assigned(x: Any) -> Any:
    x[0] = 0
    return x


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (cumulated, r"cumulated cannot be read: test_own_formulas.py:\d+: return np.cumsum\(y, axis=-1\)\n.*cumsum"),
        (assigned, r"assigned cannot be read: test_own_formulas.py:\d+: x\[0\] = 0"),
        (of_tensors, r"of_tensors cannot be read: test_own_formulas.py:\d+: return x.unsqueeze\(0\)\n  AttributeError"),
        (turned, "turned turned a reading into an array"),
        (
            lambda x: -x if x.sum() > 0.123 else x,
            "TypeError: a condition on a number leaves `if`.*undecided: numpy.where",
        ),
        (lambda x: None, "returns a NoneType, expected an array"),
        (lambda x: [x, x], "returns a list, expected an array or a tuple"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(function: Any, says: str) -> None:
    (x,) = numbers((3, 5))
    with pytest.raises(nnparity.UsageError, match=says):
        nnparity.assert_close(x, reference=function, inputs={"x": x})


def test_what_it_takes_is_told() -> None:
    (x,) = numbers((3, 5))
    with pytest.raises(nnparity.UsageError, match="the reference takes x; given were z"):
        nnparity.assert_close(x, reference=softplus, inputs={"z": x})
    large = np.ones((65, 64), np.float32)
    with pytest.raises(
        nnparity.UsageError, match="4160 numbers go in: without a vjp a gradient takes a run for each, at most 4096"
    ):
        nnparity.assert_close(large, reference=softplus, inputs={"x": large}, wrt="x", cotangent=large)


@pytest.mark.parametrize("reference", ["softmax", 3, np.ones(3)])
def test_what_is_no_function_is_told(reference: Any) -> None:
    (x,) = numbers((3, 5))
    with pytest.raises(nnparity.UsageError, match=r"the reference is a .*, expected a function"):
        nnparity.assert_close(x, reference=reference, inputs={"x": x})
    with pytest.raises(nnparity.UsageError, match=r"the reference is a .*, expected a function"):
        nnparity.formula(reference)
    with pytest.raises(nnparity.UsageError, match=r"vjp is a .*, expected a function"):
        nnparity.formula(softplus, reference)


def test_a_vjp_of_another_shape_is_no_fault_of_who_is_judged() -> None:
    (x,) = numbers((3, 5))
    summed = nnparity.formula(lambda x: x * x, lambda g, x: (2 * g * x).sum(axis=0))
    with pytest.raises(nnparity.UsageError, match=r"the VJP of .* returns x in shape \(5,\), expected \(3, 5\)"):
        nnparity.assert_close(2 * x, summed, x=x, wrt="x", cotangent=np.ones_like(x))
    several = nnparity.formula(lambda x: x * x, lambda g, x: (2 * g * x, g))
    with pytest.raises(nnparity.UsageError, match=r"the gradients of .* are 2 arrays, expected x"):
        nnparity.assert_close(2 * x, several, x=x, wrt="x", cotangent=np.ones_like(x))


def test_the_reference_is_left_as_it_was() -> None:
    def softmax(x: Any) -> Any:
        return x * 2

    before = dict(FORMULAS)
    (x,) = numbers((3, 5))
    nnparity.assert_close(2 * x, reference=softmax, inputs={"x": x})
    with pytest.raises(AssertionError):
        nnparity.assert_close(3 * x, reference=softmax, inputs={"x": x})
    assert before == FORMULAS


@pytest.mark.parametrize("size", [1e-310, 5e-324])
def test_a_single_subnormal_number_can_be_read(size: float) -> None:
    x = np.array([size, 0.3, 0.7])
    shifted = nnparity.formula(lambda x: x - x[0])
    nnparity.assert_close(x - x[0], shifted, x=x)
    with pytest.raises(AssertionError):
        nnparity.assert_close(2 * x, shifted, x=x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_trace_is_the_sum_of_the_diagonal(dtype: Any) -> None:
    (x,) = numbers((3, 3), dtype=dtype)
    trace = nnparity.formula(lambda x: np.einsum("ii->", x))
    nnparity.assert_close(np.trace(x), trace, x=x)
    nnparity.assert_close(np.eye(3, dtype=dtype), trace, x=x, wrt="x", cotangent=np.ones((), dtype))
    with pytest.raises(AssertionError):
        nnparity.assert_close(x.sum(), trace, x=x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_pads_is_a_constant_of_value_and_gradient(dtype: Any) -> None:
    (x,) = numbers((2, 3), dtype=dtype)

    def ones_before(x: Any) -> Any:
        return np.pad(np.exp(x), ((0, 0), (1, 0)), constant_values=1.0)

    own, right = nnparity.formula(ones_before), ones_before(x)
    nnparity.assert_close(right, own, x=x)
    nnparity.assert_close(np.exp(x), own, x=x, wrt="x", cotangent=np.ones((2, 4), dtype))
    right[:, 0] += dtype(1e-3)
    with pytest.raises(AssertionError):
        nnparity.assert_close(right, own, x=x)


def test_padding_that_is_computed_is_told() -> None:
    (x,) = numbers((2, 3))
    with pytest.raises(nnparity.UsageError, match=r"only constants and the modes edge.* have a rule.*mode='mean'"):
        nnparity.assert_close(x, nnparity.formula(lambda x: np.pad(x, 1, "mean")), x=np.pad(x, 0))


def below_the_largest(x: Any, w: Any) -> Any:
    h = np.einsum("nk,kj->nj", x, w)
    return h - np.max(h, axis=-1, keepdims=True)


def test_the_error_of_a_maximum_that_is_subtracted_is_that_of_the_difference() -> None:
    """A column of zeros is exact, and the maximum is not."""
    random = np.random.default_rng(1)
    x, w = random.normal(size=(8, 512)).astype(np.float32), random.normal(size=(512, 4)).astype(np.float32)
    w[:, 1] = 0
    own, right = nnparity.formula(below_the_largest), below_the_largest(x, w)
    nnparity.assert_close(right, own, x=x, w=w)
    with pytest.raises(AssertionError):
        nnparity.assert_close(right * np.float32(1 + 1e-3), own, x=x, w=w)
