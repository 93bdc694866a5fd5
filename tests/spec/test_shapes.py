"""Symbolic shapes: read, evaluated, and refused with the word that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnparity.spec.shapes import ShapeError, check, evaluate, parse, relation, symbols


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("", ()),
        ("n", (2,)),
        ("4 m k", (4, 3, 5)),
        ("n o h-p+1 w//2", (2, 7, 8, 4)),
        ("n c*h*w", (2, 720)),
        ("2*(h-p)+1", (15,)),
        ("n  h", (2, 10)),
        ("h-p-h+p", (0,)),
    ],
)
def test_a_shape_becomes_numbers(text: str, shape: tuple[int, ...]) -> None:
    assert evaluate(text, {"n": 2, "m": 3, "k": 5, "o": 7, "h": 10, "w": 9, "p": 3, "c": 8}) == shape


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 9))
def test_its_arithmetic_is_that_of_whole_numbers(a: int, b: int, c: int) -> None:
    assert evaluate("a+b*c a*b+c (a+b)//c", {"a": a, "b": b, "c": c}) == (a + b * c, a * b + c, (a + b) // c)


def test_it_knows_its_symbols() -> None:
    assert symbols("n o h-p+1 4") == {"n", "o", "h", "p"}
    assert symbols("") == set()


@pytest.mark.parametrize(
    "text", ["n h-", "n )", "n/2", "n**2", "f(n)", "n.d", "-n", "n%2", "n[0]", "n<2", "a,b", "lambda:n"]
)
def test_anything_but_whole_numbers_symbols_and_four_operators_is_refused(text: str) -> None:
    with pytest.raises(ShapeError, match="in the shape"):
        parse(text)


@pytest.mark.parametrize("text", ["n 2.5", "n True", "n 'x'", "n 1e3"])
def test_numbers_that_are_not_whole_are_refused(text: str) -> None:
    with pytest.raises(ShapeError, match="not a whole number"):
        parse(text)


def test_a_symbol_without_a_value_is_named() -> None:
    with pytest.raises(ShapeError, match="'w' of the shape 'n w'"):
        evaluate("n w", {"n": 1})


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="negative"):
        evaluate("h-p+1", {"h": 2, "p": 5})


def test_an_array_of_another_shape_is_named() -> None:
    check("x", (2, 3), "n d", {"n": 2, "d": 3})
    with pytest.raises(ShapeError, match=r"x has shape \(3, 2\), the spec says 'n d' = \(2, 3\)"):
        check("x", (3, 2), "n d", {"n": 2, "d": 3})


@pytest.mark.parametrize(
    ("text", "dims", "told"),
    [
        ("p <= h", {"p": 3, "h": 3}, True),
        ("p <= h", {"p": 4, "h": 3}, False),
        ("p<h", {"p": 3, "h": 3}, False),
        ("n >= 1", {"n": 0}, False),
        ("h-p+1 > 2", {"h": 5, "p": 3}, True),
        ("d = heads*k", {"d": 6, "heads": 2, "k": 3}, True),
        ("d = heads*k", {"d": 7, "heads": 2, "k": 3}, False),
    ],
)
def test_a_relation_binds_sizes(text: str, dims: dict[str, int], told: bool) -> None:
    assert relation(text).holds(dims) is told
    assert relation(text).symbols == dims.keys()


def test_an_equation_gives_the_size_of_what_stands_alone_on_its_left() -> None:
    assert relation("d = heads*k").subject == "d"
    assert relation("d = heads*k").given({"heads": 4, "k": 5}) == 20
    assert relation("2*d = k").subject is None
    assert relation("d >= k").subject is None


@pytest.mark.parametrize("text", ["n", "n 1", "n == 1", "a < b < c", "", "<"])
def test_what_is_no_relation_is_refused(text: str) -> None:
    with pytest.raises(ShapeError, match=r"is no relation|is missing"):
        relation(text)
