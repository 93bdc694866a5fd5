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

Sizes = Mapping[str, int]
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
_ALLOWED = (ast.BinOp, ast.Name, ast.Constant, ast.Load, *_OPERATORS)
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


class Size:
    """One symbolic size such as ``h-p+1``: read once and compiled, for a pool is drawn of hundreds of thousands.

    Raises ShapeError for anything but whole numbers, symbols and + - * //.
    """

    __slots__ = ("_number", "symbol", "symbols", "text")

    def __init__(self, word: str, text: str) -> None:
        """`word` stands in the shape or the relation `text`, of which errors speak."""
        tree = _read(word, text)
        self.text = text
        #: as they come, each as often
        self.symbols = tuple(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        #: the symbol that it is, where it is nothing else
        self.symbol = tree.id if isinstance(tree, ast.Name) else None
        self._number = _compiled(tree)

    def of(self, dims: Sizes) -> int:
        """The number. Raises ShapeError when a symbol has no value, or nothing can be divided."""
        try:
            return self._number(dims)
        except KeyError as error:
            raise ShapeError(f"the symbol {error.args[0]!r} of the shape {self.text!r} has no value") from None
        except ZeroDivisionError:
            raise ShapeError(f"the shape {self.text!r} divides by 0 for {dict(dims)}") from None


def _compiled(tree: ast.AST) -> Callable[[Sizes], int]:
    match tree:
        case ast.Name(id=name):
            return operator.itemgetter(name)
        case ast.BinOp(left=left, op=op, right=right):
            one, other, combine = _compiled(left), _compiled(right), _OPERATORS[type(op)]
            return lambda dims: combine(one(dims), other(dims))
        case ast.Constant(value=int(number)):
            return lambda _: number
    raise TypeError(tree)


@cache
def parse(text: str) -> tuple[Size, ...]:
    """The dimensions of a symbolic shape; "" is a scalar. Raises ShapeError as `Size` does."""
    return tuple(Size(word, text) for word in text.split())


def _read(word: str, text: str) -> ast.expr:
    if len(word) > LONGEST:
        raise ShapeError(f"a size of {len(word)} characters in a shape, {word[:40]!r} …: more than {LONGEST}")
    try:
        tree = ast.parse(word, mode="eval").body
    except (SyntaxError, ValueError):  # a null character is the latter
        raise ShapeError(f"cannot read {word!r} in the shape {text!r}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is not int:
            raise ShapeError(f"{node.value!r} in the shape {text!r} is not a whole number")
        if not isinstance(node, _ALLOWED):
            raise ShapeError(f"{word!r} in the shape {text!r}: only whole numbers, symbols and + - * // are known")
    return tree


@cache
def symbols(text: str) -> frozenset[str]:
    """The symbols that a symbolic shape speaks of."""
    return frozenset(ordered(text))


def ordered(text: str) -> list[str]:
    """The same, as they come."""
    return [symbol for size in parse(text) for symbol in size.symbols]


def evaluate(text: str, dims: Sizes) -> tuple[int, ...]:
    """The shape as numbers. Raises ShapeError as `Size.of` does, and when a size is negative."""
    shape = tuple(size.of(dims) for size in parse(text))
    if min(shape, default=0) < 0:
        raise ShapeError(f"the shape {text!r} is {shape} for {dict(dims)}: a size is negative")
    return shape


def elements(texts: Iterable[str], dims: Sizes) -> int:
    """How many numbers arrays of these shapes hold together. Raises ShapeError as `evaluate` does."""
    return sum(math.prod(evaluate(text, dims)) for text in texts)


def check(name: str, shape: tuple[int, ...], text: str, dims: Sizes) -> None:
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

    left: Size
    sign: str
    right: Size
    #: all that it speaks of
    symbols: frozenset[str]

    def holds(self, dims: Sizes) -> bool:
        """Whether these sizes fulfil it. Raises ShapeError when a symbol has no value."""
        return _SIGNS[self.sign](self.left.of(dims), self.right.of(dims))

    @property
    def subject(self) -> str | None:
        """The symbol that stands alone on the left of an equation."""
        return self.left.symbol if self.sign == "=" else None

    def given(self, dims: Sizes) -> int:
        """The right side as a number."""
        return self.right.of(dims)


@cache
def relation(text: str) -> Relation:
    """A relation from its text. Raises ShapeError for what is none."""
    sides = re.split(r"(<=|>=|=|<|>)", text.replace(" ", ""))
    if len(sides) != 3:
        raise ShapeError(f"{text!r} is no relation of two sizes: one of {', '.join(_SIGNS)} stands between them")
    for side in sides[::2]:
        if not side:
            raise ShapeError(f"a side of {text!r} is missing")
    left, right = (Size(side, text) for side in sides[::2])
    return Relation(left, sides[1], right, frozenset(left.symbols + right.symbols))
