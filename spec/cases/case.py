"""A case: formula x signature x dataset x dtype, and the numbers that follow from its id."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnparity.spec import shapes
from nnparity.spec.cases import datasets
from nnparity.spec.dtypes import DTYPES, Dtype
from nnparity.spec.loader import signatures
from nnparity.spec.schema import LEVELS, Formula, Signature

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Case:
    """One set of inputs for one formula in one dtype.

    `salt` varies the numbers without touching the id; a plain run has none.
    """

    formula: Formula
    signature: Signature
    dataset: str
    dtype: Dtype
    salt: str = ""

    @cached_property
    def id(self) -> str:
        """As in ``conv2d/n2c3h9w8o4p3q2/normal/float32``."""
        return f"{self.formula.id}/{self.signature.id}/{self.dataset}/{self.dtype.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str, str]:
        """What tells it apart: a pack may be edited, or another have a formula of that id, within one process."""
        return self.id, self.salt, self.formula.edition

    @cached_property
    def inputs(self) -> Arrays:
        """The inputs by name, read-only."""
        return {name: self._input(place, name) for place, name in enumerate(self.formula.inputs)}

    @cached_property
    def cotangents(self) -> Arrays:
        """What the VJP is applied to, by output name."""
        return {name: self._cotangent(name, shape) for name, shape in self.shapes.items()}

    @cached_property
    def tangents(self) -> Arrays:
        """The direction of JVP and HVP, by the names of the inputs differentiated."""
        return {name: self._tangent(name, self.inputs[name].shape) for name in self.formula.wrt}

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Output name -> shape."""
        sizes = self.signature.sizes
        return {name: shapes.evaluate(text, sizes) for name, text in self.formula.results.items()}

    def _input(self, place: int, name: str) -> NDArray[Any]:
        shape = shapes.evaluate(self.formula.inputs[name], self.signature.dims)
        domain, *words = self.formula.domains.get(name, "real").split()
        bound = shapes.evaluate(words[0], self.signature.dims)[0] if words else 0
        # What belongs to a sample is drawn from one stream: the same rows of features, classes and responses.
        stream = self._stream("x", "rows" if datasets.sampled(self.dataset, domain) else name)
        return _frozen(datasets.draw(self.dataset, domain, bound, stream, shape, self.dtype, place))

    def _cotangent(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        stream = self._stream("g", name)
        return _frozen(self.dtype.round(datasets.cotangents(self.dataset, stream, shape, self.dtype)))

    def _tangent(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        return _frozen(self.dtype.round(self._stream("v", name).normal(shape)))

    def _stream(self, role: str, name: str) -> datasets.Stream:
        return datasets.Stream(f"{self.salt}/{self.id}/{role}.{name}")


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(array)
    array.flags.writeable = False
    return array


def cases_of(formula: Formula, dtype: str, level: str = "core", salt: str = "") -> Iterator[list[Case]]:
    """The cases of a formula in one dtype, one list a signature; each list is compiled once and run together.

    None in a dtype that the formula, or the signature, is not asked in.
    """
    if dtype not in formula.dtypes:
        return
    reached = LEVELS[: LEVELS.index(level) + 1]
    for signature in signatures(formula):
        if signature.level in reached and dtype in (signature.dtypes or formula.dtypes):
            names = signature.datasets[:1] if level == "quick" else signature.datasets
            yield [Case(formula, signature, name, DTYPES[dtype], salt) for name in names]
