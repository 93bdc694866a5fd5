"""The orders of a target: of the dot products of its dense layer, and of the sums of that layer's bias gradient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nnparity.adapters.request import Array, Failure, Request
from nnparity.execute.observer import Observer
from nnparity.spec import DTYPES
from nnparity.summation.arithmetic import Order, order
from nnparity.summation.masks import Measure, Unrevealed, tree
from nnparity.summation.words import words

#: Rows and columns of the layer: the kernels of matrices are asked, not those of single vectors.
ROWS, COLUMNS = 4, 4
#: Random vectors that a revealed order is held against.
TRIALS = 8
DOT, SUM = "dot products", "sums of rows"


@dataclass(frozen=True)
class Revealed:
    """What is known of one sort of sums with so many terms; `exact` of `TRIALS` came out as simulated, to the bit."""

    what: str
    terms: int
    order: Order | None
    exact: int = 0
    why: str = ""

    @property
    def kept(self) -> bool:
        """Whether all trials agree."""
        return self.exact == TRIALS

    @property
    def told(self) -> str:
        """In words."""
        if self.order is None:
            return f"not revealed: {self.why}"
        inner = self.order.accumulator.name
        kept = f", kept in {inner}" if inner != self.order.dtype.name else ""
        fused = ", products fused with additions" if self.order.fused else ""
        return f"{words(self.order.tree)}{kept}{fused}; {self.exact} of {TRIALS} random sums as simulated, to the bit"


def revealed(observer: Observer, dtype: str, what: str, terms: int) -> Revealed:
    """The order of a target's sums of that sort."""
    measure, paired = _measure(observer, dtype, what), what == DOT
    try:
        found = order(measure, tree(measure, terms, dtype), dtype)
    except Unrevealed as why:
        return Revealed(what, terms, None, why=str(why))
    return Revealed(what, terms, found, agreeing(measure, found, paired))


def agreeing(measure: Measure, found: Order, paired: bool = True) -> int:
    """How many of `TRIALS` random sums come out as simulated, to the bit."""
    numpy, terms = found.dtype.numpy, found.terms
    draw = np.random.default_rng(terms)
    trials = [(draw.normal(size=terms).astype(numpy), draw.normal(size=terms).astype(numpy)) for _ in range(TRIALS)]
    trials = [(x, y if paired else np.ones_like(y)) for x, y in trials]
    return sum(seen == found.total(*one) for seen, one in zip(measure(trials), trials, strict=True))


def _measure(observer: Observer, dtype: str, what: str) -> Measure:
    make: Callable[[Array, Array], Request] = {DOT: _product, SUM: _gradient}[what]
    key = "output" if what == DOT else "grad.b"

    def measure(pairs: Sequence[tuple[Array, Array]]) -> list[float]:
        observer.submit([make(x, y) for x, y in pairs])
        return [_first(observed.observation.get(key), observed.message) for observed in observer.collect()]

    return measure


def _first(seen: object, message: str) -> float:
    if not isinstance(seen, np.ndarray):
        said = seen.message if isinstance(seen, Failure) else f"the target returned a {type(seen).__name__}"
        raise Unrevealed(message or said)
    return float(seen.flat[0])


def _product(x: Array, y: Array) -> Request:
    inputs = {"x": np.tile(x, (ROWS, 1)), "w": np.tile(y, (COLUMNS, 1)), "b": np.zeros(COLUMNS, x.dtype)}
    return Request("dense", inputs, dtype=x.dtype.name)


def _gradient(x: Array, y: Array) -> Request:
    """Of n rows, each with the same cotangents in all columns."""
    number = DTYPES[x.dtype.name].numpy
    inputs = {"x": np.ones((x.size, 1), number), "w": np.ones((COLUMNS, 1), number), "b": np.zeros(COLUMNS, number)}
    against = {"output": np.tile(x[:, None], (1, COLUMNS))}
    return Request("dense", inputs, {}, ("x", "w", "b"), cotangents=against, quantities=frozenset({"grad"}))
