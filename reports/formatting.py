"""How numbers read: margins, ULPs, bits, pairs of values, seconds. All that is shown passes through here.

A number of a run may be absent (None) or not finite ("nan", "inf"); none of these functions raises.
"""

import math
import re
from collections.abc import Mapping

from nnparity.reports.records import Number

#: What stands where there is no number.
NONE = "–"


#: What moves or hides text instead of being any: control characters, those that turn the direction, lone surrogates,
#: and the two that are no characters at all, which XML refuses as it does the rest.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """A text of which every character is seen: one that would move, hide or colour others is written as its escape."""
    return _UNSEEN.sub(lambda met: f"\\u{ord(met[0]):04x}", text)


def cut(text: str, most: int) -> str:
    """A text of so many characters, and a sign where there were more."""
    return text if len(text) <= most else f"{text[:most]} …"


def real(value: Number | None) -> float | None:
    """`value` as a float; a text that is no number is NaN, None stays None."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return math.nan


def badness(value: Number | None) -> float:
    """Orders margins and ULPs: no number is best, NaN is as bad as infinity."""
    if type(value) is float:  # nearly all, and this is asked a dozen times of each verdict
        return math.inf if math.isnan(value) else value
    number = real(value)
    if number is None:
        return -math.inf
    return math.inf if math.isnan(number) else number


def significant(value: Number | None, digits: int = 3) -> str:
    """`value` to some significant digits, trailing zeros kept, without an exponent from 0.001 to 9999."""
    number = real(value)
    if number is None:
        return NONE
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
    if number == 0:
        return "−0" if math.copysign(1, number) < 0 else "0"
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    if not -3 <= int(exponent) <= 3:
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{number:.{max(0, digits - 1 - int(exponent))}f}".replace("-", "−")


def margin(value: Number | None) -> str:
    """A margin; one beyond 1 never reads as 1, however close it is."""
    number = real(value)
    if number is None or not number > 1:
        return significant(value, 3 if number is not None and abs(number) >= 0.1 else 2)
    digits = 3
    while digits < 17 and float(f"{number:.{digits - 1}e}") <= 1:
        digits += 1
    return significant(value, digits)


def bits(value: Number | None) -> str:
    """Effective bits, one place behind the point."""
    number = real(value)
    return f"{number:.1f}".replace("-", "−") if number is not None and math.isfinite(number) else significant(value)


def pair(observed: Number, expected: Number) -> tuple[str, str]:
    """Both values with as few digits as tell them apart, and one more."""
    for digits in range(3, 17):
        if significant(observed, digits) != significant(expected, digits):
            return _exact(observed, digits + 1), _exact(expected, digits + 1)
    return _exact(observed, 17), _exact(expected, 17)


def _exact(value: Number, digits: int) -> str:
    """`value` as `significant` writes it, but a small whole number without zeros behind the point."""
    number = real(value)
    if number is not None and number.is_integer() and 0 < abs(number) < 10_000:
        return f"{number:.0f}".replace("-", "−")
    return significant(value, digits)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{significant(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(number: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{number:,}"


def needed(programs: Mapping[str, int]) -> str:
    """How many programs were compiled, and how many had been before; nothing of a target that compiles none."""
    return ", ".join(f"{count(number)} {how}" for how, number in programs.items())


def percent(part: int, whole: int) -> str:
    """A share; 100 % and 0 % only when nothing is missing."""
    share = 100 * part / whole if whole else 0.0
    places = 1
    while places < 4 and 0 < part < whole and f"{share:.{places}f}" in (f"{100:.{places}f}", f"{0:.{places}f}"):
        places += 1
    return f"{share:.0f} %" if part in (0, whole) else f"{share:.{places}f} %"
