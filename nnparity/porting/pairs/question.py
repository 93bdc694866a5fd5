"""What is expected of a layer: its formula on arrays that were really received, with the budgets of their dtype."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from nnparity.adapters.capture.layer import Layer
from nnparity.api.comparison import Asked
from nnparity.api.judging import Judged
from nnparity.api.own_formulas import Own
from nnparity.judge.grades import judge
from nnparity.porting.pairs.formulas import KINDS, Kind
from nnparity.porting.pairs.layouts import ELEMENTWISE
from nnparity.reports.records import Verdict
from nnparity.spec import DTYPES, Formula, load
from nnparity.spec.schema import Variant
from nnparity.spec.usage import UsageError

Array = Any
OUTPUT = "output"


@dataclass(frozen=True, eq=False)
class LayerFormula(Own):
    """A layer's function with its settings; what it may be taken for is what the spec knows of its formula."""

    title: str = ""
    variants: Mapping[str, Variant] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As verdicts call it."""
        return self.title

    @property
    def plain(self) -> Callable[..., Any]:
        """The function itself: its lines are ours, and not the user's."""
        return self.function

    def formula(self, inputs: Mapping[str, Any]) -> Formula:
        """With the known wrong readings."""
        return msgspec.structs.replace(super().formula(inputs), variants=dict(self.variants))


@dataclass(frozen=True)
class Expectation:
    """A chain of one layer's formula or several, with all its arrays: what a result is held against."""

    kinds: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Array]]]
    inputs: Mapping[str, Array]

    @classmethod
    def of(cls, kind: str, settings: Mapping[str, Any], arrays: Mapping[str, Array]) -> "Expectation | None":
        """Of one layer; None where it is none of ours, or was called with more than its formula knows."""
        if kind not in KINDS or not KINDS[kind].takes(arrays):
            return None
        return cls([(kind, settings, {})], arrays)

    def judged(self, answers: Sequence[Array], dtype: str) -> list[Judged]:
        """The judgements of several results of the same layer. Raises UsageError for inputs that are no numbers."""
        numpy = DTYPES[dtype].numpy
        given = {name: _rounded(array, numpy) for name, array in self.inputs.items()}
        with Asked(self._formula, given).question(dtype) as question:
            return [question.answered({OUTPUT: answer})[0] for answer in answers]

    def conforms(self, answer: Array, dtype: str) -> bool:
        """Whether a result does, without a word on why not."""
        numpy = DTYPES[dtype].numpy
        given = {name: _rounded(array, numpy) for name, array in self.inputs.items()}
        try:
            with np.errstate(all="ignore"), Asked(self._formula, given).question(dtype) as question:
                return judge(answer, question.truth[OUTPUT], question.case.dtype).grade == "conforms"
        except UsageError:
            return False

    @property
    def _formula(self) -> LayerFormula:
        first = KINDS[self.kinds[0][0]]
        names = [name for name in first.parameters if name in self.inputs]
        title = ", ".join(kind for kind, _, _ in self.kinds)
        variants = variants_of(first) if len(self.kinds) == 1 else {}
        return LayerFormula(self._run(names), title=title, variants=variants)

    def _run(self, names: list[str]) -> Callable[..., Any]:
        steps = self.kinds

        def run(**given: Any) -> Any:
            """Of the arrays and, of a wrong reading, its keywords."""
            kind, settings, _ = steps[0]
            y = _first(KINDS[kind].function(**(dict(settings) | given)))
            for kind, settings, weights in steps[1:]:
                y = _first(KINDS[kind].function(y, **weights, **settings))
            return y

        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run


def variants_of(kind: Kind) -> dict[str, Variant]:
    """The known wrong readings of a formula."""
    return dict(load()[kind.like].variants if kind.like else {}) | dict(kind.variants)


def readings(kind: str) -> list[str]:
    """The names of the known wrong readings of a kind."""
    return [variant.says for variant in variants_of(KINDS[kind]).values()] if kind in KINDS else []


def unshown(layer: Layer, x: Array | None) -> str:
    """Which known wrong readings of it give the very same of these numbers, where it takes each by itself; or nothing.

    Of a ReLU6 that is another model's code nobody knows, if no number passes 6.
    """
    if layer.kind not in ELEMENTWISE or x is None:
        return ""
    function, settings = KINDS[layer.kind].function, dict(layer.settings)
    now = {name: one.default for name, one in inspect.signature(function).parameters.items()} | settings
    others = [one for one in variants_of(KINDS[layer.kind]).values() if not one.set.items() <= now.items()]
    exact = x.astype(np.float64)
    same = (one for one in others if np.array_equal(function(exact, **settings | one.set), function(exact, **settings)))
    told = ", nor from one that ".join(one.says for one in same)
    return f"these inputs do not tell it from one that {told}" if told else ""


def _first(found: Any) -> Any:
    return found[0] if isinstance(found, tuple) else found


def _rounded(array: Array, numpy: Any) -> Array:
    """Who computes in a dtype has rounded its inputs to it."""
    return array if array.dtype.kind in "iub" else array.astype(numpy)


def judged(one: Expectation, answers: Sequence[Array], dtype: str) -> list[Verdict | str]:
    """The verdicts, or why there is none."""
    try:
        with np.errstate(all="ignore"):
            return [found.verdict for found in one.judged(answers, dtype)]
    except UsageError as error:
        return [str(error) for _ in answers]
    except Exception as error:  # noqa: BLE001  (a formula on arrays it was not written for may raise anything)
        return [f"its formula cannot be run on what it received: {type(error).__name__}: {error}" for _ in answers]
