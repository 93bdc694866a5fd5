"""What a script and an issue say in words: what is shown, and where the tolerances come from."""

import math
import textwrap
from collections.abc import Mapping

from nnparity.expect.precision_models import narrow
from nnparity.judge.grades import FALSE_ALARM
from nnparity.spec import Case
from nnparity.spec.schema import plain

OF = {
    "output": "the output",
    "grad": "the gradient",
    "jvp": "the Jacobian-vector product",
    "hvp": "the Hessian-vector product",
}
HARD = (
    "how far from it a correct implementation may end at worst, when {model}, that is by up to {unit} of itself: the "
    "errors of all operations, carried through the formula, added up by their sizes."
)
SHARP = (
    "how far it ends usually: the same errors as independent ones, the root of the sum of their squares. The root mean "
    "square over all elements exceeds what is allowed by chance in 1 of {alarms} cases{alone}."
)
ALONE = ", and so does the largest of them what is allowed of one"
WIDTH = 110


def title(
    case: Case, quantity: str, target: str, versions: Mapping[str, str], spoilt: bool = False, cut: bool = False
) -> str:
    """The docstring of the script; `cut` where it has only those of the case's numbers that show it."""
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    shown = "must be refused" if spoilt else f"{quantity}, held against the exact result"
    return _filled(
        f"{case.formula.title.en} on {target} ({told}): {shown}."
        f"\n\nThe case is {case.id}{f' with salt {case.salt}' if case.salt else ''} of nnparity, which is not needed"
        f"{'; of its numbers these are the ones that are furthest off' if cut else ''}. "
        "Exit status: 0 it agrees, 1 it does not."
    )


def spoken(quantity: str) -> str:
    """A quantity in words."""
    family, _, name = plain(quantity).partition(".")
    behind = {"grad": f" with respect to {name}", "hvp": f" with respect to {name}"}.get(
        family, f" {name}" if name else ""
    )
    return f"{OF[family]}{behind}{' that comes with gradients' if plain(quantity) != quantity else ''}"


def derivation(case: Case, quantity: str) -> str:
    """Where the value and its tolerances come from."""
    dtype = case.dtype
    power = round(math.log2(dtype.unit))
    model = (
        f"every operation's result is rounded to {dtype.name} and sums are added up in float32"
        if narrow(dtype.name)
        else f"every operation's result is rounded to {dtype.name}"
    )
    told = [
        f"expected: {spoken(quantity)}, of the formula in exact arithmetic on these very numbers.",
        f"hard: {HARD.format(model=model, unit=f'2^{power}')}",
        f"sharp: {SHARP.format(alarms=f'{1 / FALSE_ALARM:.0e}', alone=ALONE if narrow(dtype.name) else '')}",
    ]
    if case.formula.composition:
        told[1] = "hard: 16 times sharp, as worst cases of a composition of many formulas say nothing."
    if case.formula.trajectory:
        told[2] += " Where small differences grow, simulated machines with random roundings say how far, and how long."
    return "\n".join(_filled(one) for one in told)


def _filled(text: str) -> str:
    return "\n\n".join(textwrap.fill(one, WIDTH) for one in text.split("\n\n"))
