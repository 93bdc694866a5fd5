"""The end of a script: what is right, where it comes from, and the comparison that gives the exit status."""

import textwrap
from collections.abc import Iterator

import numpy as np

from nnparity.reproduce.writing.literals import written
from nnparity.reproduce.writing.scene import Scene

PLAIN = """
error = np.abs(observed - expected{low})
with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
    worst = np.where(error == 0, 0, error / hard)
    usual = np.where(error == 0, 0, error / sharp)
    margins = np.max(worst, initial=0.0), np.sqrt(np.mean(np.square(usual))) / {chance!r} if usual.size else 0.0
agrees = margins[0] <= 1 and margins[1] <= 1
print(f"error: {{margins[0]:.4g}} of the hard tolerance, {{margins[1]:.4g}} of the sharp one")
"""
SPECIAL = """
def fits(expected, least, most, loose):
    # From least to most is right; where loose is 1 NaN too, where it is 2 any infinity, where it is 3 both.
    there = (least <= observed) & (observed <= most)
    there |= np.isnan(observed) & (loose % 2 == 1) | np.isinf(observed) & (loose >= 2)
    return there{signed}


right = [fits(*answer) for answer in answers]
agrees = np.any(right, axis=0).all()
worst = ~np.any(right, axis=0) * 1.0
expected = answers[0][0]
print(f"{{int(worst.sum())}} of {{worst.size}} elements are none of what is right")
"""
SHARP = """
finite = np.isfinite(observed) & np.isfinite(expected)
with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
    error = np.where(finite, np.abs(observed - expected{low}), 0)
    usual = np.sqrt(np.mean(np.square(np.where(error == 0, 0, error / sharp)))) / {chance!r} if error.size else 0.0
agrees = agrees and usual <= 1
print(f"error: {{usual:.4g}} of the sharp tolerance")
"""
END = """
if worst.size:
    place = np.unravel_index(np.argmax(worst), worst.shape)
    print(f"worst element {tuple(map(int, place))}: observed {observed[place]!r}, expected {expected[place]!r}")
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
    first = scene.answers[0]
    low = ""
    one = len(scene.answers) == 1
    if one:
        yield f"expected = {written(first.truth.value)}"
        if isinstance(first.truth.low, np.ndarray) and first.truth.low.any():
            low = " - low"
            yield f"low = {written(first.truth.low)}  # what float64 has no digits for"
        if first.plain and not scene.signed:
            yield f"hard = {written(first.truth.hard)}"
        yield f"sharp = {written(first.truth.sharp)}"
    if one and first.plain and not scene.signed:
        yield PLAIN.format(low=low, chance=first.chance).rstrip("\n")
    else:
        yield "answers = ["
        for answer in scene.answers:
            yield f"    # {answer.says or 'as the formula says'}"
            rows = (answer.truth.value, answer.least, answer.most, answer.loose)
            yield "    (\n" + "".join(f"        {written(row)},\n" for row in rows) + "    ),"
        yield "]\n"
        yield SPECIAL.format(signed=SIGNED if scene.signed else "").rstrip("\n")
        if one:
            yield SHARP.format(low=low, chance=first.chance).strip("\n")
    yield END.strip("\n")
