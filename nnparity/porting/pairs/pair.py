"""A pair of layers, judged: each on what it received, and b's on what a's received, so that errors do not pile up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnparity.adapters.capture.layer import FLATTEN, RANDOM, RESULT, Layer
from nnparity.adapters.request import Array
from nnparity.porting.pairs.layouts import RECURRENT, Turn, apart, moved, turn
from nnparity.porting.pairs.parameters import FORMS, differences
from nnparity.porting.pairs.question import Expectation, judged, readings, unshown
from nnparity.porting.pairs.ratios import Again, Further, Ratio, ratio
from nnparity.porting.pairs.records import on_record
from nnparity.porting.rows import DIFFERS, Row, passes, worst
from nnparity.reports.records import PASSING, Verdict
from nnparity.spec import DTYPES


@dataclass(frozen=True)
class Pair:
    """Two layers, by the names under which they are told, and how their arrays lie to each other."""

    a: Layer
    b: Layer
    names: tuple[str, str]
    again: Again
    images: Sequence[tuple[int, ...]] = ()
    #: another layer of a, whose parameters b's has
    holder: str = ""
    #: results beside the first that both models pass on
    further: Sequence[Further] = ()

    @property
    def turn(self) -> Turn:
        """From a's order to b's."""
        return turn(self.a, self.b, self.images)

    def row(self) -> Row:
        """All that is told of it."""
        turned = self.turn
        received, returned = self._differ(turned)
        kind = self.a.label if self.a.label == self.b.label else f"{self.a.label} / {self.b.label}"
        exact = self.a.x is not None and self.a.x.dtype.kind in "iub"
        row = Row(kind, *self.names, received=received, returned=returned, exact=exact)
        if self.a.kind == self.b.kind == RESULT:
            return replace(row, notes=[turned.says] if turned.says else [])
        judged = self._judged(row, turned)
        if judged.ratio is None or judged.returned is None:
            return judged
        return replace(judged, returned=max([judged.returned, *(one.apart(self.a, self.b) for one in self.further)]))

    def _differ(self, turned: Turn) -> tuple[float | None, float | None]:
        x, y, seen_x, seen_y = self.a.x, self.a.y, self.b.x, self.b.y
        received = None if x is None or seen_x is None else apart(turned.there(x), seen_x)
        if self.a.kind == self.b.kind == RESULT and x is not None and seen_x is not None and x.size != seen_x.size:
            received = np.inf  # one row is no answer for all, even where these are the same
        if y is None or seen_y is None:
            return received, None
        if self.a.kind == self.b.kind == FLATTEN and y.shape == seen_y.shape:
            return received, moved(y, seen_y, self.images)
        returned = turned.back(seen_y)
        if self.a.kind == self.b.kind in RECURRENT and y.ndim != returned.ndim:  # one returns the last state alone
            y, returned = (one[:, -1] if one.ndim == 3 else one for one in (y, returned))
        y, returned = np.squeeze(y), np.squeeze(returned)  # axes of one, kept or not
        return received, apart(y, returned) if y.shape == returned.shape else None

    def _judged(self, row: Row, turned: Turn) -> Row:
        if RANDOM in (self.a.kind, self.b.kind):
            return replace(row, grade="diverges", why=_notes(self))
        given = self._given(turned)
        answer = self._answer(given, turned)
        row = row if isinstance(answer, str) else self._with_beside(row, given)
        own_a, own_b = own(self.a), own(self.b)
        ported = None if isinstance(answer, str) else self._ported(answer)
        measured = None
        if ported is None and not isinstance(answer, str):
            measured = ratio(self.a, self.b, given, self.again, turned, self.further)
        return _with(row, self, [own_a, own_b, ported], measured, answer, turned)

    def _given(self, turned: Turn) -> dict[str, Array]:
        """What a's layer received, as b's takes it: by its names, in its order and dtype."""
        names = dict(zip(self.a.inputs, self.b.inputs, strict=False)) if not self.a.kind else {}
        found = {}
        for name, array in self.a.inputs.items():
            seen = self.b.inputs.get(names.get(name, name))
            if seen is not None:
                x = turned.there(array)
                found[names.get(name, name)] = x if x.dtype.kind in "iub" else x.astype(seen.dtype)
        return found

    def _with_beside(self, row: Row, given: Mapping[str, Array]) -> Row:
        """The row, received being that of another input than the first where the models are farther apart in that."""
        seen = self.b.inputs
        beside = {name: apart(x, seen[name]) for name, x in given.items() if seen[name] is not self.b.x}
        farthest = max(beside, key=lambda name: beside[name], default="")
        if not farthest or beside[farthest] <= (row.received or 0.0):
            return row
        far = min(beside[farthest], self._shown(given, beside))
        return replace(row, received=far, beside=farthest) if far > (row.received or 0.0) else row

    def _shown(self, given: Mapping[str, Array], beside: Iterable[str]) -> float:
        """How far b's result moves with these inputs of its own: masks of -inf and of -1e9 are the same to it."""
        try:
            one, other = (self.again({**given, **own}) for own in ({}, {name: self.b.inputs[name] for name in beside}))
        except Exception:  # noqa: BLE001  (lengths of a packed batch that do not fit the other model's)
            return np.inf
        return apart(next(iter(one.values())), next(iter(other.values())))

    def _answer(self, given: Mapping[str, Array], turned: Turn) -> Array | str:
        """What b's layer returns for it, in a's order; or why it does not."""
        try:
            return turned.back(next(iter(self.again(given).values())))
        except Exception as error:  # noqa: BLE001  (a layer that takes other inputs may raise anything)
            lines = str(error).strip().splitlines() or [type(error).__name__]
            return f"b's layer cannot be run on what a's received: {lines[0]}"

    def _ported(self, answer: Array) -> Verdict | str | None:
        """b's layer on a's inputs, against a's formula, parameters and settings."""
        forms = {name: value for name, value in self.b.settings.items() if name in FORMS}
        expected = Expectation.of(self.a.kind, {**self.a.settings, **forms}, {**self.a.inputs, **self.a.weights})
        if expected is None or answer.dtype.name not in DTYPES:
            return None
        return _verdict(expected, answer, self.a.kind, self.b.target)


def own(layer: Layer) -> Verdict | str | None:
    """The layer on what it received itself; None where it has no formula, a text where nothing is expected."""
    expected = Expectation.of(layer.kind, layer.settings, {**layer.inputs, **layer.weights})
    if expected is None or layer.dtype not in DTYPES:
        return None
    return _verdict(expected, layer.y, layer.kind, layer.target)


def _verdict(expected: Expectation, answer: Any, kind: str, target: str) -> Verdict | str:
    """The verdict on what a layer of that kind returned, or why there is none; `target` computed it."""
    found = judged(expected, [answer], answer.dtype.name)[0]
    return on_record(found, kind, target) if isinstance(found, Verdict) else found


def _with(
    row: Row, pair: Pair, found: Sequence[Verdict | str | None], measured: Ratio | None, answer: Any, turned: Turn
) -> Row:
    verdicts = [one if isinstance(one, Verdict) else None for one in found]
    untold = [one for one in found if isinstance(one, str)] + ([answer] if isinstance(answer, str) else [])
    grades = ["conforms" if passes(one) else one.grade for one in verdicts if one]
    grades += [measured.grade] if measured else []
    grade = worst([*grades, *(["error"] if untold else [])])
    changed = differences(pair.a, pair.b, turned)
    if pair.holder and changed:
        changed = [f"b has the parameters of {pair.holder}"]
    why = _why(pair, verdicts, measured, changed, untold) if grade not in PASSING else changed
    notes = [turned.says] if turned.says and not turned.wrong else []
    if turned.wrong:
        grade, why = worst([grade, "diverges"]), [turned.says, *changed, *untold]
    notes += [*_notes(pair), *_known(verdicts), *(_unshown(pair) if grade in PASSING else [])]
    if grade in PASSING and changed:
        grade, notes = DIFFERS, ["these inputs do not show it", *notes]
    own_a, own_b, ported = verdicts
    return replace(
        row,
        grade=grade,
        own_a=own_a,
        own_b=own_b,
        ported=ported,
        ratio=measured.value if measured else None,
        why=why,
        notes=notes,
    )


def _notes(pair: Pair) -> list[str]:
    return [f"{side}: {layer.note}" for side, layer in (("a", pair.a), ("b", pair.b)) if layer.note]


def _unshown(pair: Pair) -> list[str]:
    """Of a known layer and one that is not what these inputs do not show of that."""
    known = [one for one in (pair.a, pair.b) if one.kind]
    return list(filter(None, [unshown(known[0], known[0].x)])) if len(known) == 1 else []


def _known(verdicts: Sequence[Verdict | None]) -> list[str]:
    """The records of both sides' kernels, each once."""
    found = dict.fromkeys(one.known for one in verdicts if one and one.known)
    return [f"off by rounding, on record as {', '.join(map(str, found))}"] if found else []


def _why(
    pair: Pair,
    verdicts: Sequence[Verdict | None],
    measured: Ratio | None,
    changed: Sequence[str],
    untold: Sequence[str],
) -> list[str]:
    """The likeliest reason first: what differs, then what the numbers themselves say."""
    own_a, own_b, ported = verdicts
    why = list(changed)
    if pair.a.kind and pair.b.kind and pair.a.kind != pair.b.kind:
        why.insert(0, f"b computes {pair.b.kind} where a computes {pair.a.kind}")
    if ported is not None and _bad(ported) and (not why or _misread(pair, ported, own_b)):
        why.append(f"on what a's layer received b's gives: {said(ported)}")
    why += [
        f"{side}'s own result is not what its formula gives: {said(one)}"
        for side, one in (("a", own_a), ("b", own_b))
        if one is not None and _bad(one)
    ]
    if measured and measured.grade not in PASSING:
        why.append(measured.says)
    return [*why, *untold]


def _misread(pair: Pair, ported: Verdict, own_b: Verdict | None) -> bool:
    """Whether b's layer is a known wrong reading of a's: not if it is right by parameters that alone differ."""
    only_parameters = own_b is not None and passes(own_b) and pair.a.settings == pair.b.settings
    return not only_parameters and not set(ported.names).isdisjoint(readings(pair.a.kind))


def _bad(verdict: Verdict | None) -> bool:
    return verdict is not None and not passes(verdict)


def said(verdict: Verdict) -> str:
    """The diagnosis, or what is wrong with the result's form, or that nothing is known."""
    return verdict.diagnosis or verdict.message or "numbers that no known reading explains"
