"""The end of a script: what is right, where it comes from, and the comparison that gives the exit status."""

import math
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np

from nnparity.reproduce.writing.answers import Answer
from nnparity.reproduce.writing.literals import written
from nnparity.reproduce.writing.scene import Scene
from nnparity.reproduce.writing.telling import Telling

PLAIN = """
error = np.abs(observed - expected{low})
with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
    worst = np.where(error == 0, 0, error / hard)
    usual = np.where(error == 0, 0, error / sharp)
    mean = np.sqrt(np.mean(np.square(usual))) / {chance} if usual.size else 0.0
    margins = np.max(worst, initial=0.0), {margin}
agrees = margins[0] <= 1 and margins[1] <= 1
print(f"error: {{margins[0]:.4g}} of the hard tolerance, {{margins[1]:.4g}} of the sharp one")
"""
ALONE = """
error = np.abs(observed - expected{low})
with np.errstate(divide="ignore", invalid="ignore"):
    worst = np.where(error == 0, 0, error / {tolerance}){over}
agrees = np.max(worst) <= 1
print(f"error: {{np.max(worst):.4g}} of the {tolerance} tolerance")
"""
OUTWARD = """
towards_zero = (observed - expected{low}) * np.sign(expected) < 0
agrees = not towards_zero.all()
worst = towards_zero * 1.0
print(f"{{int(towards_zero.sum())}} of {{worst.size}} results went towards zero")
"""
SPECIAL = """
def fits(expected, least, most, loose):
    # From least to most is right; where loose is 1 NaN too, where it is 2 any infinity, where it is 3 both.
    there = (least <= observed) & (observed <= most)
    there |= np.isnan(observed) & (loose % 2 == 1) | np.isinf(observed) & (loose >= 2)
    return there{signed}


right = [fits(*answer) for answer in answers]
{agrees}
expected = answers[0][0]
print(f"{{int(worst.sum())}} of {{worst.size}} elements are none of what is right")
"""
EACH = "agrees = np.any(right, axis=0).all()\nworst = ~np.any(right, axis=0) * 1.0"
WHOLE = (
    "agrees = any(one.all() for one in right)  # all elements the same answer, whichever it is\nworst = ~right[0] * 1.0"
)
SHARP = """
finite = np.isfinite(observed) & np.isfinite(expected)
with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
    error = np.where(finite, np.abs(observed - expected{low}), 0)
    usual = np.where(error == 0, 0, error / sharp)
    mean = np.sqrt(np.mean(np.square(usual))) / {chance} if usual.size else 0.0
    margin = {margin}
agrees = agrees and margin <= 1
print(f"error: {{margin:.4g}} of the sharp tolerance")
"""
END = """
if worst.size:
    at = np.argmax(worst)
    place = tuple(map(int, np.unravel_index({at}, {shape})))
    print(f"worst element {{place}}: observed {{observed.flat[at]!r}}, expected {{expected.flat[at]!r}}")
print("agrees" if agrees else "disagrees")
sys.exit(0 if agrees else 1)
"""
SIGNED = " & ~((expected == 0) & (observed == 0) & (np.signbit(expected) != np.signbit(observed)))"


def judged(scene: Scene) -> str:
    """What is right, where it comes from, and the comparison."""
    if not scene.answers:
        return ""
    return "\n".join((textwrap.indent(scene.derivation, "# "), *_compared(scene))).strip("\n")


def _compared(scene: Scene) -> Iterator[str]:
    told = scene.telling
    first, one = told.answers[0], len(told.answers) == 1
    plain = one and first.plain and not scene.signed
    if told.places is not None:
        yield _chosen(told)
    if one and (plain or not told.alone):
        yield from _values(first, plain and not (told.outward or told.rare), told.rare or not told.alone)
    low = " - low" if one and _has_low(first) else ""
    if told.outward:
        yield OUTWARD.format(low=low).rstrip("\n")
    elif plain:
        tolerance, over = ("sharp", f" / {first.furthest!r}") if told.rare else ("hard", "")
        alone = ALONE.format(low=low, tolerance=tolerance, over=over)
        yield (alone if told.alone else PLAIN.format(low=low, **_limits(first))).rstrip("\n")
    else:
        yield from _several(told.answers)
        signed = SIGNED if scene.signed else ""
        yield SPECIAL.format(signed=signed, agrees=WHOLE if told.whole else EACH).rstrip("\n")
        if one and not told.alone:
            yield SHARP.format(low=low, **_limits(first)).strip("\n")
    at, shape = ("at", "worst.shape") if told.places is None else ("places[at]", "whole")
    yield END.format(at=at, shape=shape).strip("\n")


def _limits(answer: Answer) -> dict[str, str]:
    """What chance explains of a mean, and the margin by that and by the furthest element, for the templates."""
    alone = f"np.max(usual, initial=0.0) / {answer.furthest!r}"
    margin = f"np.maximum(mean, {alone})" if math.isfinite(answer.furthest) else "mean"
    return {"chance": repr(answer.chance), "margin": margin}


def _chosen(told: Telling) -> str:
    assert told.places is not None
    begun = np.array_equal(told.places, np.arange(told.places.size)) and not told.alone
    which = f"np.arange({told.places.size})" if begun else written(told.places)
    why = "Each of these elements is wrong by itself" if told.alone else "As a mean these elements are too far off"
    if told.rare:
        why = "Each of these elements is too far off for chance, of any of all that there are"
    if told.outward:
        why = "Each of these results is nearer to the next number away from zero than to the one on its other side"
    return f"# {why}.\nwhole, places = observed.shape, {which}\nobserved = observed.ravel()[places]"


def _has_low(answer: Answer) -> bool:
    return isinstance(answer.truth.low, np.ndarray) and bool(answer.truth.low.any())


def _values(answer: Answer, hard: bool, sharp: bool) -> Iterator[str]:
    truth = answer.truth
    yield f"expected = {written(truth.value)}"
    if _has_low(answer) and isinstance(truth.low, np.ndarray):
        yield f"low = {written(truth.low)}  # what float64 has no digits for"
    if hard:
        yield f"hard = {written(truth.hard)}"
    if sharp:
        yield f"sharp = {written(truth.sharp)}"


def _several(answers: Sequence[Answer]) -> Iterator[str]:
    yield "answers = ["
    for answer in answers:
        yield f"    # {answer.says or 'as the formula says'}"
        rows = (answer.truth.value, answer.least, answer.most, answer.loose)
        yield "    (\n" + "".join(f"        {written(row)},\n" for row in rows) + "    ),"
    yield "]\n"
