"""One's own arrays: what is right passes, each gradient too; what is wrong is told as the suite tells it."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnparity

DTYPES = (np.float64, np.float32, np.float16, ml_dtypes.bfloat16)


def dense(dtype: Any = np.float32) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {name: random.normal(size=size).astype(dtype) for name, size in (("x", (3, 5)), ("w", (4, 5)), ("b", 4))}


def rounded(exact: Any, dtype: Any) -> Any:
    return np.asarray(exact).astype(dtype)


def exact(given: dict[str, Any]) -> Any:
    x, w, b = (given[name].astype(np.float64) for name in "xwb")
    return x @ w.T + b


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_right_passes_and_what_is_wrong_does_not(dtype: Any) -> None:
    given = dense(dtype)
    y = exact(given)
    result = nnparity.assert_close(rounded(y, dtype), "dense", **given)
    assert result.resolution < 0.1
    nnparity.assert_close(rounded(y, dtype), "dense", inputs=given)
    for wrong in (0 * y, -y, y + 0.2, y * 1.2, np.nan * y, y[:, ::-1], y - given["b"].astype(np.float64)):
        with pytest.raises(AssertionError):
            nnparity.assert_close(rounded(wrong, dtype), "dense", **given)


def test_the_message_is_that_of_the_suite() -> None:
    given = dense()
    with pytest.raises(AssertionError) as raised:
        nnparity.assert_close(given["x"] @ given["w"].T, "dense", **given)
    told = str(raised.value)
    for words in (
        "diverges",
        "error over budget: hard",
        "sharp",
        "the bias is not added",
        "worst element [",
        "relative",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("last", "says"),
    [(4.0, "likely: the tail is missing: all is 0 from 3 on"), (1e-9, "likely: float32 inputs rounded to float16")],
)
def test_a_cause_is_told_as_a_run_tells_it(last: float, says: str) -> None:
    """One zero is little evidence of a tail, and less than that it is what float16 makes of the number."""
    x = np.array([[1, 2, 3, last]], np.float32)
    with pytest.raises(AssertionError, match=f" {says}"):
        nnparity.assert_close(x * (x != x[0, 3]), "relu", x=x)


def test_gradients_are_judged_by_their_names() -> None:
    given, g = dense(), np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    right = {"x": g @ given["w"], "w": g.T @ given["x"], "b": g.sum(0)}
    for name, gradient in right.items():
        nnparity.assert_close(gradient, "dense", **given, wrt=name, cotangent=g)
        with pytest.raises(AssertionError, match=f"the gradient of {name} is missing"):
            nnparity.assert_close(0 * gradient, "dense", **given, wrt=name, cotangent=g)
    nnparity.assert_close(tuple(right.values()), "dense", **given, wrt=("x", "w", "b"), cotangent=g)
    nnparity.assert_close(right, "dense", **given, wrt=("x", "w", "b"), cotangent=g)


def test_the_cotangent_of_a_scalar_is_one() -> None:
    y, t = (np.random.default_rng(place).normal(size=(3, 4)).astype(np.float32) for place in range(2))
    nnparity.assert_close(((y - t) / 3), "mse", y=y, t=t, wrt="y")
    with pytest.raises(AssertionError):
        nnparity.assert_close((2 * (y - t) / 3), "mse", y=y, t=t, wrt="y")


def test_several_outputs_come_as_a_tuple_or_by_name() -> None:
    w, m, v, g = (np.abs(np.random.default_rng(place).normal(size=5)) for place in range(4))
    m2, v2 = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    w2 = w - 0.001 * (m2 / 0.1) / (np.sqrt(v2 / 0.001) + 1e-7)
    given = {"w": w, "m": m, "v": v, "g": g}
    assert len(nnparity.assert_close((w2, m2, v2), "adam", **given).verdicts) == 3
    nnparity.assert_close({"w_next": w2, "m_next": m2, "v_next": v2}, "adam", **given, lr=0.001)
    with pytest.raises(AssertionError, match=r"output\.w_next"):
        nnparity.assert_close((w2 + 1e-6, m2, v2), "adam", **given)


def test_sums_in_half_precision_are_held_to_float32_unless_it_is_said() -> None:
    random = np.random.default_rng(2)
    x, w = (random.normal(size=(4, 512)).astype(ml_dtypes.bfloat16) for _ in range(2))
    total = np.zeros((4, 4), ml_dtypes.bfloat16)
    for column in range(512):
        total = total + np.multiply.outer(x[:, column], w[:, column])
    given = {"x": x, "w": w, "b": np.zeros(4, ml_dtypes.bfloat16)}
    nnparity.assert_close(total, "dense", **given, accumulate="bfloat16")
    with pytest.raises(AssertionError, match="accumulates in bfloat16"):
        nnparity.assert_close(total, "dense", **given)


X, W, B = dense().values()
SOME = np.eye(3, 4, dtype=bool)


def test_the_order_of_bytes_says_nothing_of_the_numbers() -> None:
    for order in "<>":
        x, w, b, y = (one.astype(one.dtype.newbyteorder(order)) for one in (X, W, B, X @ W.T + B))
        nnparity.assert_close(y, "dense", x=x, w=w, b=b)
        right = nnparity.arbitrate(y, X @ W.T + B, "dense", inputs={"x": x, "w": W, "b": b})
        assert right
        assert right.factor == 1
        with pytest.raises(AssertionError, match="the bias is not added"):
            nnparity.assert_close(y - b, "dense", x=X, w=W, b=B)


@pytest.mark.parametrize("mask", [True, SOME])
def test_a_masked_result_is_no_answer(mask: Any) -> None:
    hidden = rf"error\n +{12 if mask is True else 3} of 12 elements are masked, and what is masked is no number"
    with pytest.raises(AssertionError, match=hidden):
        nnparity.assert_close(np.ma.array(X @ W.T + B, mask=mask), "dense", x=X, w=W, b=B)
    both = nnparity.arbitrate(
        X @ W.T + B, np.ma.array(X @ W.T + B, mask=mask), "dense", inputs={"x": X, "w": W, "b": B}
    )
    assert (both.farther, both.b.worst.grade, bool(both)) == ("b", "error", False)
    nnparity.assert_close(np.ma.array(X @ W.T + B), "dense", x=np.ma.array(X), w=W, b=B)  # of which nothing is masked


def test_a_result_without_an_element_is_no_pass() -> None:
    none = np.zeros((0, 5), np.float32)
    with pytest.raises(AssertionError, match=r"inconclusive, which is no pass(.|\n)*the result has no element"):
        nnparity.assert_close(none, "softmax", x=none)
    one = {"x": none, "w": W, "b": B, "wrt": ("x", "w"), "cotangent": np.zeros((0, 4), np.float32)}
    with pytest.raises(AssertionError, match=r"(?m)nothing tells wrong answers of grad\.x$") as raised:
        nnparity.assert_close((none, 0 * W), "dense", **one)
    assert "inf" not in str(raised.value)


def test_of_a_result_that_is_0_no_relative_error_is_told() -> None:
    result = nnparity.assert_close(np.zeros((3, 4), np.float32), "dense", x=0 * X, w=W, b=0 * B)
    assert result.headline.endswith("conforms; the exact result is 0, of which there is no relative error")


class Unreadable:
    """An array of a framework that gives no numbers of it, as of a sparse tensor, or of one that is traced."""

    __module__ = "numpy"
    shape, dtype = (3, 5), np.dtype("float32")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("no such type")


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "unknown formula": ("dens", {}, "did you mean 'dense'"),
    "no formula": (None, {}, "give either a formula's name or reference="),
    "both": ("dense", {"reference": np.exp}, "give either a formula's name or reference="),
    "missing": ("dense", {"b": None}, r"needs the input 'b'; it takes x \(n i\), w \(j i\), b \(j\)"),
    "one too many": ("dense", {"bias": B}, "dense has no input 'bias'; it takes x"),
    "shape": ("dense", {"w": W.T}, r"w has shape \(5, 4\), the spec says 'j i' = \(5, 5\)"),
    "rank": ("dense", {"b": B[None]}, "b has rank 2, the spec says 'j'"),
    "a list": ("dense", {"x": X.tolist()}, r"x is a list, expected an array; numpy\.asarray"),
    "a number": ("dense", {"x": 3.0}, "x is a float, expected an array"),
    "a text": ("dense", {"x": "x"}, "x is a str, expected an array"),
    "objects": ("dense", {"x": X.astype(object)}, "x holds object, expected numbers"),
    "integers": ("dense", {"x": X.astype(np.int64)}, "x holds int64"),
    "NaN": (
        "dense",
        {"x": np.where(X > 1, np.nan, X)},
        r"x holds NaN at \[\d, \d\], from which no tolerance can be derived",
    ),
    "complex numbers": ("dense", {"x": X + 1j}, "x holds complex64, expected numbers"),
    "longer floats": ("dense", {"x": X.astype(np.longdouble)}, "x holds (long|float).*, expected numbers"),
    "durations": ("dense", {"x": X.astype("m8[s]")}, "x holds timedelta64.*, expected numbers"),
    "texts": ("dense", {"x": X.astype("U")}, "x holds str.*, expected numbers"),
    "a complex cotangent": (
        "dense",
        {"wrt": "x", "cotangent": X @ W.T + 1j},
        "the cotangent, output, holds complex64, expected numbers",
    ),
    "masked": ("dense", {"b": np.ma.array(B, mask=[0, 1, 0, 0])}, "b: 1 of 4 elements are masked"),
    "a masked cotangent": (
        "dense",
        {"wrt": "x", "cotangent": np.ma.array(X @ W.T, mask=SOME)},
        "the cotangent, output,: 3 of 12 elements are masked",
    ),
    "another dtype": (
        "dense",
        {"x": X.astype(np.float64) * 1.1},
        "x is float64 and holds.* float32.*cast it",
    ),
    "unknown gradient": ("dense", {"wrt": "y"}, "no input to differentiate by is called 'y'; there are: x, w, b"),
    "no cotangent": ("dense", {"wrt": "x"}, "a gradient of dense needs cotangent="),
    "no gradient": ("dense", {"cotangent": X}, "a cotangent was given, and no wrt="),
    "cotangent": ("dense", {"wrt": "x", "cotangent": X}, r"the cotangent of output has shape \(3, 5\), that of output"),
    "a cotangent of another dtype": (
        "dense",
        {"wrt": "x", "cotangent": np.full((3, 4), 1.1)},
        "the cotangent of output is float64 and holds.* float32.*cast it",
    ),
    "a list of inputs": ("dense", {"inputs": [X, W, B]}, "inputs= is a list, expected a dict, from names to arrays"),
    "without numbers": ("dense", {"x": Unreadable()}, "x cannot be read as an array of NumPy: TypeError: no such type"),
    "accumulate": ("dense", {"accumulate": "float8"}, "accumulate='float8': expected 'float32'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_told_with_what_was_expected(name: str) -> None:
    formula, changed, says = WRONG[name]
    given = {key: value for key, value in ({"x": X, "w": W, "b": B} | changed).items() if value is not None}
    with pytest.raises(nnparity.UsageError, match=says):
        nnparity.assert_close(X @ W.T + B, formula, **given)


@pytest.mark.parametrize("eps", ["1", None, np.nan, True, (1e-5,)])
def test_an_attribute_of_another_kind_is_told(eps: Any) -> None:
    with pytest.raises(nnparity.UsageError, match=r"layer_norm: eps is .*, expected a number, such as 1e-12"):
        nnparity.assert_close(X, "layer_norm", x=X, gamma=X[0], beta=X[0], eps=eps)


@pytest.mark.parametrize("eps", [np.float32(0.5), np.array(0.5), 0.5])
def test_an_attribute_may_be_a_number_of_numpy(eps: Any) -> None:
    wide = X.astype(np.float64)
    right = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 0.5)
    ones, zeros = np.ones(5, np.float32), np.zeros(5, np.float32)
    nnparity.assert_close(right.astype(np.float32), "layer_norm", x=X, gamma=ones, beta=zeros, eps=eps)


def test_attributes_that_do_not_go_together_are_told() -> None:
    h, wide, bias = np.ones((1, 2, 4), np.float32), np.ones((4, 4), np.float32), np.ones(4, np.float32)
    given = {"h": h} | {f"w{name}": wide for name in "qkvo"} | {f"b{name}": bias for name in "qkvo"}
    with pytest.raises(nnparity.UsageError, match="cannot be computed with b=1, t=2, d=4, heads=3: cannot reshape"):
        nnparity.assert_close(h, "multi_head_attention", **given, heads=3)


@pytest.mark.parametrize(
    ("actual", "says"),
    [
        ([1.0, 2.0], "the result is a float, expected an array"),
        ((X, X), "a tuple of 2, expected an array"),
        (X.astype(np.complex64), "no dtype of a result is called 'complex64'; there are: float64"),
        (X.astype(np.int32), "no dtype of a result is called 'int32'"),
        ("text", "a str, expected an array"),
    ],
)
def test_so_is_a_result_that_is_none(actual: Any, says: str) -> None:
    with pytest.raises(nnparity.UsageError, match=says):
        nnparity.assert_close(actual, "dense", x=X, w=W, b=B)


def test_a_result_of_another_shape_fails() -> None:
    with pytest.raises(AssertionError, match=r"returned shape \(4, 3\), expected \(3, 4\)"):
        nnparity.assert_close((X @ W.T + B).T, "dense", x=X, w=W, b=B)
