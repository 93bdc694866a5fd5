"""All machines at once: each moves, multiplies and decides as it would alone, and none knows the others."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

from nnparity.expect.monte_carlo import RUNS, upper
from nnparity.reference.formulas.activation import relu
from nnparity.reference.formulas.convolution import max_pool2d
from nnparity.reference.formulas.loss import l1_penalty
from nnparity.reference.readings import Dual
from nnparity.reference.readings.base import JOINS, MOVES, Reading
from nnparity.reference.readings.monte_carlo import UNIT, Machines, Noise, lifted
from nnparity.reference.readings.monte_carlo.machines import TOSSES
from nnparity.reference.readings.monte_carlo.rules import product_and_squares
from nnparity.reference.readings.products import plan

NUMBER = 3
EXACT = Machines(np.random.default_rng(0), NUMBER, 0.0)
LABELS = np.array([1, 0])


def different(shape: tuple[int, ...], seed: int = 0) -> Noise:
    """Other numbers on each machine, of which no two are alike."""
    random = np.random.default_rng([seed, *shape])
    return Noise(random.permutation(NUMBER * int(np.prod(shape))).reshape((NUMBER, *shape)) - 7.0, EXACT)


def alone(function: Callable[..., Any], *operands: Any) -> list[Any]:
    """What each machine finds by itself, in plain arrays."""
    return [
        function(*(x.value[r % len(x.value)] if isinstance(x, Noise) else x for x in operands)) for r in range(NUMBER)
    ]


def agrees(function: Callable[..., Any], *operands: Any) -> bool:
    """Whether all machines at once find what each finds alone."""
    found = function(*operands)
    return found.shape == np.shape(alone(function, *operands)[0]) and np.array_equal(
        np.broadcast_to(found.value, (NUMBER, *found.shape)), np.array(alone(function, *operands))
    )


MOVED: list[tuple[tuple[int, ...], Callable[[Any], Any]]] = [
    ((2, 3, 4), lambda x: x[1]),
    ((2, 3, 4), lambda x: x[:, -1, ::2]),
    ((2, 3, 4), lambda x: x[..., None, 1]),
    ((2, 3, 4), lambda x: x[x.shape[0] - 1, ..., 2:]),
    ((2, 3, 4), lambda x: x[np.array([True, False])]),
    ((2, 3, 4), lambda x: x[:, [2, 0]]),
    ((2, 3, 4), lambda x: x[[0, 1], :, [2, 0]]),
    ((2, 3, 4), lambda x: x[np.int64(1)]),
    ((2, 3, 4), lambda x: x.reshape(4, -1)),
    ((2, 3, 4), lambda x: x.reshape((6, 4))),
    ((2, 3, 4), lambda x: np.reshape(x, (3, 8))),
    ((2, 3, 4), np.ravel),
    ((2, 3, 4), np.transpose),
    ((2, 3, 4), lambda x: np.transpose(x, (1, -1, 0))),
    ((2, 3, 4), lambda x: np.moveaxis(x, 0, -1)),
    ((2, 3, 4), lambda x: np.swapaxes(x, -1, 0)),
    ((2, 3, 4), lambda x: np.expand_dims(x, -1)),
    ((2, 3, 4), lambda x: np.expand_dims(x, (0, 2))),
    ((2, 1, 4), lambda x: np.squeeze(x, 1)),
    ((3, 1), lambda x: np.broadcast_to(x, (2, 3, 4))),
    ((2, 3, 4), lambda x: np.flip(x, (-2, -1))),
    ((2, 3, 4), np.flip),
    ((2, 3, 4), lambda x: np.roll(x, 1)),
    ((2, 3, 4), lambda x: np.repeat(x, 2, axis=1)),
    ((2, 3, 4), lambda x: np.tile(x, (2, 1, 1))),
    ((2, 3, 4), lambda x: np.take(x, [[2, 0]], axis=1)),
    ((2, 3), lambda x: np.take_along_axis(x, LABELS[:, None], axis=1)),
    ((2, 3, 4), lambda x: np.pad(x, ((0, 0), (1, 2), (0, 1)))),
    ((2, 3), lambda x: np.pad(x, 1)),
    ((2, 3), lambda x: np.pad(x, (1, 2))),
    ((2, 3), lambda x: np.pad(x, ((1, 2),), "wrap")),
    ((3, 3), np.diagonal),
    ((2, 5, 4), lambda x: sliding_window_view(x, (2, 3), axis=(1, 2))),
    ((0, 3), np.transpose),
    ((0, 3), np.flip),
    ((), lambda x: np.expand_dims(x, 0)),
]


@pytest.mark.parametrize(("shape", "move"), MOVED)
def test_elements_move_on_each_machine(shape: tuple[int, ...], move: Callable[[Any], Any]) -> None:
    x = different(shape)
    for operand in (x, x > 0, Noise(x.value[:1], EXACT)):
        assert agrees(move, operand)
    dual = move(Dual(x, different(shape, 1)))
    assert np.array_equal(dual.value.value, move(x).value)
    assert np.array_equal(dual.tangent.value, move(different(shape, 1)).value)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("join", [np.stack, np.concatenate])
def test_arrays_are_joined_on_each_machine(join: Any, axis: int) -> None:
    def joined(*parts: Any) -> Any:
        return join(list(parts), axis=axis)

    x, y = different((2, 3)), different((2, 3), 1)
    assert agrees(joined, x, y)
    assert agrees(joined, np.ones((2, 3)), x, Noise(y.value[:1], EXACT))
    assert joined(np.ones((2, 3)), Noise(y.value[:1], EXACT)).shape == joined(x, y).shape


def test_every_move_that_has_a_rule_of_its_own_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set()
    own = Noise.FUNCTIONS.keys() & (MOVES | JOINS)
    for function in own:
        rule = Noise.FUNCTIONS[function]
        monkeypatch.setitem(Noise.FUNCTIONS, function, lambda *a, f=function, r=rule, **k: asked.add(f) or r(*a, **k))
    for shape, move in MOVED:
        move(different(shape))
    np.stack([different((2,)), different((2,))])
    assert asked == own


def test_what_has_no_rule_of_its_own_is_looked_up_place_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in MOVES | JOINS:
        monkeypatch.delitem(Noise.FUNCTIONS, function, raising=False)
    monkeypatch.setattr(Noise, "__getitem__", Reading.__getitem__)
    monkeypatch.setattr(Noise, "reshape", Reading.reshape)
    monkeypatch.setattr(Noise, "padded", Reading.padded)
    for shape, move in MOVED:
        assert agrees(move, different(shape))
    assert agrees(lambda x, y: np.stack([x, y], axis=1), different((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("other", [(2,), (3, 2), (2, 3, 2), (1, 1), ()])
def test_machines_stay_apart_where_shapes_broadcast(other: tuple[int, ...]) -> None:
    x = different((3, 2))
    assert agrees(np.multiply, x, different(other, 1))
    assert agrees(np.subtract, different(other, 1), x)
    assert agrees(np.add, x, np.ones(other))
    assert agrees(lambda a, b: np.where(a > b, a, b), x, different(other, 1))
    assert agrees(lambda a: np.where(a > 0, np.ones(other), 0.0), x)
    assert agrees(np.add, np.ones((2, 3, 2)), different(other, 1))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, -2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_and_maxima_are_each_machines_own(axis: Any, keepdims: bool) -> None:
    x = different((2, 3, 4))
    assert agrees(lambda a: np.sum(a, axis=axis, keepdims=keepdims), x)
    if axis != ():
        assert agrees(lambda a: np.max(a, axis=axis, keepdims=keepdims), x)


@pytest.mark.parametrize(
    "subscripts",
    ["ni,ji->nj", "nj,ni->ji", "bts,bse->bte", "bthd,bshd->bhts", "gnm,gpm->gnp", "ni,ni->n", "i,i->", "i,j->ij"],
)
def test_products_are_each_machines_own(subscripts: str) -> None:
    """Small whole numbers: no order of a sum makes a difference."""
    sizes = dict(zip("abcdeghijkmnopst", range(2, 18), strict=True))
    first, second = subscripts.split("->", maxsplit=1)[0].split(",")
    x, y = (different(tuple(sizes[letter] for letter in word), seed) for seed, word in enumerate((first, second)))
    for left, right in ((x, y), (x, y.value[0]), (x.value[0], y), (Noise(x.value[:1], EXACT), y)):
        assert agrees(lambda a, b: np.einsum(subscripts, a, b), left, right)
    squares = product_and_squares(subscripts, x.value, y.value)[1]
    assert np.array_equal(squares[0], np.einsum(subscripts, x.value[0] ** 2, y.value[0] ** 2))
    (shorter,) = {"".join(letter for letter in first if letter in second)}
    assert agrees(lambda a: np.einsum(f"{first}->{first[::-1]}", a), x)
    assert agrees(lambda a: np.einsum(f"{first}->{shorter}", a), x)


@pytest.mark.parametrize("subscripts", ["ii,ij->ij", "ni,jk->nj", "ni,ij->nk"])
def test_what_is_no_product_of_matrices_is_refused(subscripts: str) -> None:
    with pytest.raises(ValueError, match="no product of matrices"):
        plan(subscripts)


DECISIONS: list[tuple[tuple[int, ...], Callable[..., Any]]] = [
    ((4, 5), lambda g, x: relu.gradients(g, x)[0]),
    ((4, 5), lambda g, x: relu.gradients(g, x, at_zero=0.5)[0]),
    ((4, 5), lambda g, x: l1_penalty.gradients(1.0, x)[0] + g),
    ((1, 2, 4, 6), lambda g, x: max_pool2d.gradients(g[:, :, :2, :3], x)[0]),
    ((1, 2, 4, 6), lambda g, x: max_pool2d.gradients(g[:, :, :2, :3], x, scan="not less")[0]),
    ((1, 2, 4, 6), lambda g, x: max_pool2d.gradients(g[:, :, :2, :3], x, scan="nan")[0]),
    ((4, 5), lambda g, x: np.max(Dual(x, g), axis=1).tangent if isinstance(x, Noise) else _at_the_largest(g, x)),
    ((4, 5), lambda g, x: np.abs(Dual(x, g)).tangent),
]


def _at_the_largest(g: Any, x: Any) -> Any:
    return np.take_along_axis(g, np.argmax(x, axis=1)[:, None], axis=1)[:, 0]


@pytest.mark.parametrize(("shape", "formula"), DECISIONS)
def test_each_machine_decides_by_its_own_numbers(shape: tuple[int, ...], formula: Callable[..., Any]) -> None:
    assert agrees(formula, different(shape, 1), different(shape))


@pytest.mark.parametrize(("shape", "formula"), DECISIONS)
def test_machines_that_follow_the_first_are_found_out(
    shape: tuple[int, ...], formula: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for ufunc in (np.greater, np.greater_equal, np.less, np.equal):
        rule = Noise.UFUNCS[ufunc]
        monkeypatch.setitem(Noise.UFUNCS, ufunc, lambda a, b, rule=rule: _of_the_first(rule(a, b)))
    assert not agrees(formula, different(shape, 1), different(shape))


def _of_the_first(decided: Noise) -> Noise:
    return decided.like(decided.value[:1])


def test_no_branch_is_taken_for_all_machines() -> None:
    x = different((1,))
    with pytest.raises(TypeError, match="machines may disagree"):
        bool(x > 0)


def test_every_element_of_every_machine_errs_by_itself() -> None:
    """No correlation of two machines, or of two elements, is further from 0 than six standard deviations."""
    number, size = 100, 400
    noise = lifted(np.ones(size), Machines(np.random.default_rng(0), number)) * 1.0
    error = (noise.value - 1) / UNIT
    assert abs(error.mean()) < 6 / np.sqrt(error.size)
    assert abs((error**2).mean() - 1) < 6 * np.sqrt(2 / error.size)
    for rows in (error, error.T):
        products = rows @ rows.T / rows.shape[1]
        apart = products[np.triu_indices(len(rows), 1)]
        assert np.abs(apart).max() < 6 / np.sqrt(rows.shape[1])
        assert np.mean(apart**2) == pytest.approx(1 / rows.shape[1], rel=0.1)


def test_so_many_machines_tell_a_single_rounding_as_well_as_a_normal_error() -> None:
    """The mean of RUNS squares is less than 1/upper^2 of what it estimates in 1 of 1,000 cases, with coins as well."""
    heads = np.arange(TOSSES + 1)
    squares = np.bincount((2 * heads - TOSSES) ** 2, special.comb(TOSSES, heads) / 2**TOSSES)
    total = reduce(np.convolve, [squares] * RUNS)
    assert total[np.arange(len(total)) < RUNS * TOSSES / upper(RUNS) ** 2].sum() < 1e-3


def test_what_all_are_given_alike_is_held_once_until_they_round_it() -> None:
    x = lifted(np.ones((2, 3)), Machines(np.random.default_rng(0), 5))
    assert x.value.shape == (1, 2, 3)
    assert (x * 2.0).value.shape == (5, 2, 3)
    assert (-x).value.shape == (1, 2, 3)
