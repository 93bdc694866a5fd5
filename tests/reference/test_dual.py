"""The rules of `Dual` against difference quotients, and its way of moving, joining and choosing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from nnparity.reference.readings import Ball, Dual, constant, detached, tangent_of

#: function -> where its operands are drawn from, away from kinks and poles.
DOMAINS: dict[Any, list[tuple[float, float]]] = {
    np.add: [(-5, 5), (-5, 5)],
    np.subtract: [(-5, 5), (-5, 5)],
    np.multiply: [(-5, 5), (-5, 5)],
    np.divide: [(-5, 5), (0.5, 5)],
    np.maximum: [(0.0, 1.0), (1.1, 2.0)],
    np.negative: [(-5, 5)],
    np.exp: [(-3, 3)],
    np.log: [(0.2, 5)],
    np.tanh: [(-3, 3)],
    special.expit: [(-5, 5)],
    np.sqrt: [(0.2, 5)],
    np.square: [(-5, 5)],
    np.absolute: [(-5, -0.5)],
    np.sin: [(-5, 5)],
    np.cos: [(-5, 5)],
    special.erf: [(-2, 2)],
}
COMPARISONS = (
    np.greater,
    np.greater_equal,
    np.less,
    np.less_equal,
    np.equal,
)  # a tuple: workers must agree on the order
tangents = st.floats(-2.0, 2.0)


def along(f: Any, points: list[float], directions: list[float]) -> float:
    """The derivative of f along the directions: a difference quotient of fourth order, good to 1e-10."""
    h = 1e-3
    y = {k: float(f(*(p + k * h * d for p, d in zip(points, directions, strict=True)))) for k in (-2, -1, 1, 2)}
    return (8 * (y[1] - y[-1]) - (y[2] - y[-2])) / (12 * h)


def test_every_rule_is_tested() -> None:
    assert set(Dual.UFUNCS) == set(DOMAINS) | set(COMPARISONS)


@pytest.mark.parametrize("ufunc", DOMAINS, ids=lambda u: u.__name__)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_tangent_is_the_directional_derivative(ufunc: Any, data: st.DataObject) -> None:
    points = [data.draw(st.floats(*interval)) for interval in DOMAINS[ufunc]]
    directions = [data.draw(tangents) for _ in points]
    y = ufunc(*(Dual(np.array([p]), np.array([d])) for p, d in zip(points, directions, strict=True)))
    assert y.value.tolist() == [ufunc(*points)]
    found, expected = y.tangent.item(), along(ufunc, points, directions)
    assert abs(found - expected) <= 1e-8 * max(1.0, abs(expected))


@pytest.mark.parametrize("ufunc", [u for u, domain in DOMAINS.items() if len(domain) == 2], ids=lambda u: u.__name__)
def test_an_operand_without_a_tangent_is_constant(ufunc: Any) -> None:
    a, b, t = np.array([1.5]), np.array([2.5]), np.array([3.0])
    first, second, both = ufunc(Dual(a, t), b), ufunc(a, Dual(b, t)), ufunc(Dual(a, t), Dual(b, t))
    assert tangent_of(first) + tangent_of(second) == tangent_of(both)
    assert ufunc(Dual(a), Dual(b)).tangent is None or ufunc is np.maximum


@pytest.mark.parametrize("ufunc", COMPARISONS, ids=lambda u: u.__name__)
def test_comparisons_look_at_the_values_alone(ufunc: Any) -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    assert ufunc(Dual(a, b), Dual(b, -a)).tolist() == ufunc(a, b).tolist()


def test_a_tangent_has_the_shape_of_its_value() -> None:
    x, t = np.ones((2, 1)), np.array([[1.0], [2.0]])
    for y in (Dual(x, t) + np.ones(3), np.ones(3) - Dual(x, t), Dual(x, t) * np.ones(3), np.ones(3) / Dual(x, t)):
        assert tangent_of(y).shape == y.shape == (2, 3)
    assert (np.ones(3) - Dual(x, t)).tangent.tolist() == [[-1] * 3, [-2] * 3]
    assert tangent_of(Dual(np.ones((2, 3)))).tolist() == [[0] * 3] * 2


@settings(max_examples=30, deadline=None)
@given(*(arrays(np.float64, shape, elements=st.floats(-3, 3)) for shape in ((2, 3), (2, 3), (4, 3), (4, 3))))
def test_a_product_follows_the_product_rule(x: Any, dx: Any, w: Any, dw: Any) -> None:
    y = np.einsum("ni,ji->nj", Dual(x, dx), Dual(w, dw))
    assert y.value.tolist() == np.einsum("ni,ji->nj", x, w).tolist()
    assert np.abs(y.tangent - (dx @ w.T + x @ dw.T)).max() <= 1e-13 * 27
    assert np.einsum("ij->ji", Dual(x, dx)).tangent.tolist() == dx.T.tolist()


MOVES = {
    "index": lambda x: x[1, :2],
    "reshape": lambda x: x.reshape(3, 2),
    "flip": lambda x: np.flip(x, 1),
    "pad": lambda x: np.pad(x, ((1, 0), (0, 2))),
    "transpose": np.transpose,
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "expand": lambda x: np.expand_dims(x, 1),
    "take": lambda x: np.take(x, np.array([0, 0, 1]), axis=0),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, (1, 2)),
    "sum": lambda x: np.sum(x, axis=1, keepdims=True),
    "sum of all": np.sum,
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_what_is_linear_acts_on_the_tangent_alike(move: Any) -> None:
    x, t = np.arange(6.0).reshape(2, 3), np.arange(6.0, 12.0).reshape(2, 3)
    y = move(Dual(x, t))
    assert (y.value.tolist(), y.tangent.tolist()) == (move(x).tolist(), move(t).tolist())
    assert move(Dual(x)).tangent is None


@pytest.mark.parametrize("join", [np.stack, np.concatenate])
def test_parts_are_put_together_with_zeros_where_nothing_moves(join: Any) -> None:
    x, t = np.ones(2), np.array([3.0, 4.0])
    y = join([Dual(x, t), x, Dual(x)])
    assert y.tangent.tolist() == join([t, 0 * t, 0 * t]).tolist()
    assert join([Dual(x), x]).tangent is None


def test_the_tangent_of_a_maximum_is_that_of_the_first_largest() -> None:
    x, t = np.array([[1.0, 3.0, 3.0], [5.0, 2.0, 5.0]]), np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    assert np.max(Dual(x, t), axis=1).tangent.tolist() == [2, 8]
    assert np.max(Dual(x, t), axis=-1, keepdims=True).tangent.tolist() == [[2], [8]]
    assert np.maximum(Dual(x, t), 3.0).tangent.tolist() == [[0, 0, 0], [8, 0, 32]]


def test_a_choice_takes_the_tangent_of_what_is_chosen() -> None:
    x = Dual(np.array([1.0, -1.0]), np.array([5.0, 6.0]))
    assert np.where(x > 0, x, 0.0).tangent.tolist() == [5, 0]
    assert np.where(x > 0, 0.0, x).tangent.tolist() == [0, 6]
    assert np.where(np.array([True]), 1.0, Dual(np.zeros(1))).tangent is None


def test_the_tangent_of_the_size_of_a_negative_number_is_turned() -> None:
    assert np.absolute(Dual(np.array([-2.0, 2.0]), np.array([1.0, 1.0]))).tangent.tolist() == [-1, 1]


def test_constants_and_what_is_detached_do_not_move() -> None:
    x = Dual(np.ones(2), np.ones(2))
    assert not isinstance(detached(x), Dual)
    assert constant(2.0, x) == 2.0
    assert isinstance(constant(2.0, Dual(Ball(np.ones(2)))), Ball)
    assert (x - detached(x)).tangent.tolist() == [1, 1]


def test_the_second_derivative_is_the_tangent_of_the_first() -> None:
    """d/dx of 1 - tanh^2 is -2 tanh (1 - tanh^2)."""
    x, v = np.linspace(-2, 2, 9), np.full(9, 0.5)
    y = np.tanh(x)
    found = tangent_of(1 - np.square(np.tanh(Dual(x, v))))
    assert np.abs(found + 2 * y * (1 - y * y) * v).max() <= 4 * np.finfo(float).eps


def test_a_maximum_with_nan_is_nan_as_without_a_tangent() -> None:
    x = np.array([np.nan, 1.0, -1.0])
    for pair in ((x, np.zeros(3)), (np.zeros(3), x)):
        np.testing.assert_array_equal(np.maximum(*map(Dual, pair)).value, np.maximum(*pair))
