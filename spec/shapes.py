"""Symbolic shapes such as ``"n o h-p+1 w//2"``: parsed, evaluated, and held against arrays.

A relation such as ``"p <= h"`` or ``"d = heads*k"`` binds sizes to each other.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


_SIGNS: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


#: Characters of a size, at most: what is longer may be nested deeper than can be read.
LONGEST = 100


class ShapeError(ValueError):
    """A symbolic shape that cannot be read, or an array that does not have it."""


@cache
def parse(text: str) -> tuple[ast.expr, ...]:
    """The dimensions of a symbolic shape; "" is a scalar.

    Raises ShapeError for anything but whole numbers, symbols and + - * //.
    """
    return tuple(_dimension(word, text) for word in text.split())


def _dimension(word: str, text: str) -> ast.expr:
    if len(word) > LONGEST:
        raise ShapeError(f"a size of {len(word)} characters in a shape, {word[:40]!r} …: more than {LONGEST}")
    try:
        tree = ast.parse(word, mode="eval").body
    except (SyntaxError, ValueError):  # a null character is the latter
        raise ShapeError(f"cannot read {word!r} in the shape {text!r}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is not int:
            raise ShapeError(f"{node.value!r} in the shape {text!r} is not a whole number")
        allowed = (ast.BinOp, ast.Name, ast.Constant, ast.Load, *_OPERATORS)
        if not isinstance(node, allowed):
            raise ShapeError(f"{word!r} in the shape {text!r}: only whole numbers, symbols and + - * // are known")
    return tree


@cache
def symbols(text: str) -> frozenset[str]:
    """The symbols that a symbolic shape speaks of."""
    return frozenset(ordered(text))


def ordered(text: str) -> list[str]:
    """The same, as they come."""
    return [node.id for tree in parse(text) for node in ast.walk(tree) if isinstance(node, ast.Name)]


def evaluate(text: str, dims: Mapping[str, int]) -> tuple[int, ...]:
    """The shape as numbers. Raises ShapeError when a symbol has no value or a size is negative."""
    shape = tuple(_value(tree, dims, text) for tree in parse(text))
    if min(shape, default=0) < 0:
        raise ShapeError(f"the shape {text!r} is {shape} for {dict(dims)}: a size is negative")
    return shape


def elements(texts: Iterable[str], dims: Mapping[str, int]) -> int:
    """How many numbers arrays of these shapes hold together. Raises ShapeError as `evaluate` does."""
    return sum(math.prod(evaluate(text, dims)) for text in texts)


def _value(node: ast.expr, dims: Mapping[str, int], text: str) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name) if name in dims:
            return dims[name]
        case ast.Name(id=name):
            raise ShapeError(f"the symbol {name!r} of the shape {text!r} has no value")
        case ast.BinOp(op=ast.FloorDiv(), right=right) if _value(right, dims, text) == 0:
            raise ShapeError(f"the shape {text!r} divides by 0 for {dict(dims)}")
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, dims, text), _value(right, dims, text))
    raise ShapeError(f"cannot evaluate the shape {text!r}")


def check(name: str, shape: tuple[int, ...], text: str, dims: Mapping[str, int]) -> None:
    """Raises ShapeError, naming the array, unless `shape` is what `text` says."""
    expected = evaluate(text, dims)
    if tuple(shape) != expected:
        raise ShapeError(f"{name} has shape {tuple(shape)}, the spec says {text!r} = {expected}")


def bound(texts: Mapping[str, str], found: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes of symbols that stand alone in a shape, each as the first of these arrays has it."""
    dims: dict[str, int] = {}
    for name, shape in found.items():
        for word, size in zip(texts[name].split(), shape, strict=True):
            if word.isidentifier():
                dims.setdefault(word, size)
    return dims


class Relation(NamedTuple):
    """What binds sizes: two symbolic sizes and the sign between them."""

    left: ast.expr
    sign: str
    right: ast.expr

    @property
    def symbols(self) -> set[str]:
        """All that it speaks of."""
        return {node.id for tree in (self.left, self.right) for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def holds(self, dims: Mapping[str, int]) -> bool:
        """Whether these sizes fulfil it. Raises ShapeError when a symbol has no value."""
        return _SIGNS[self.sign](_value(self.left, dims, self.sign), _value(self.right, dims, self.sign))

    @property
    def subject(self) -> str | None:
        """The symbol that stands alone on the left of an equation."""
        return self.left.id if self.sign == "=" and isinstance(self.left, ast.Name) else None

    def given(self, dims: Mapping[str, int]) -> int:
        """The right side as a number."""
        return _value(self.right, dims, self.sign)


@cache
def relation(text: str) -> Relation:
    """A relation from its text. Raises ShapeError for what is none."""
    sides = re.split(r"(<=|>=|=|<|>)", text.replace(" ", ""))
    if len(sides) != 3:
        raise ShapeError(f"{text!r} is no relation of two sizes: one of {', '.join(_SIGNS)} stands between them")
    left, sign, right = sides
    return Relation(_one(left, text), sign, _one(right, text))


def _one(word: str, text: str) -> ast.expr:
    """A side of a relation."""
    if not word:
        raise ShapeError(f"a side of {text!r} is missing")
    return _dimension(word, text)
