"""The scripts that a report carries: one of each cause, of the verdict that shows it best or of a smaller one."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import Target
from nnparity.reports.records import BY_ITSELF, PASSING, ScriptLine, Verdict
from nnparity.reproduce.cell import FIRST_ORDER, REJECTS, Cell, drawn
from nnparity.reproduce.command import dialect, place, reproduction
from nnparity.reproduce.kept_scripts import made_once
from nnparity.reproduce.recorded import Unnamed, begun
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.spec.usage import UsageError

#: Verdicts of a cause that are tried until one has a short script: the first, and the smallest of the others.
TRIES = 4
#: Why there is no script of an adapter of one's own, which is not started because a verdict names it.
NOT_OURS = "a script is made of the adapters that come with nnparity, and of no other"
#: Characters of a script that is short, and of the longest that is carried along: most of them are numbers.
SHORT, LONGEST = 6_000, 40_000
TOO_LONG = "characters, most of them numbers"


def scripts(
    causes: Iterable[Sequence[Verdict]], salt: str = "", timeout: float = 120.0, scratch: str = ""
) -> Iterator[ScriptLine]:
    """A line for each cause, given as its verdicts with the one first that shows it best; targets are started in turn.

    Where there is no script the line says why, of the first verdict. `scratch` is a folder for what the targets leave.
    """
    for several in by_target(causes):
        yield from _of_target(several[0][0].target, several, salt, timeout, scratch)


def by_target(causes: Iterable[Sequence[Verdict]]) -> list[list[Sequence[Verdict]]]:
    """The causes of each target, those of the one first that has most."""
    found = defaultdict(list)
    for verdicts in causes:
        found[verdicts[0].target].append(verdicts)
    return sorted(found.values(), key=len, reverse=True)


def _of_target(
    name: str, causes: list[Sequence[Verdict]], salt: str, timeout: float, scratch: str
) -> Iterator[ScriptLine]:
    try:
        target = begun(name, timeout, scratch)
    except Unnamed:
        yield from (_line(verdicts[0], why=NOT_OURS) for verdicts in causes)
        return
    except (TargetUnavailable, UsageError) as error:
        yield from (_line(verdicts[0], why=str(error)) for verdicts in causes)
        return
    ordered = sorted(causes, key=lambda verdicts: verdicts[0].dataset.startswith(REJECTS))  # see `Cell.observed`
    versions = target.observer.info.versions
    try:
        for verdicts in ordered:
            asked = tried(verdicts)
            yield made_once(asked, salt, versions, partial(_of_cause, asked, target, salt), _lasting)
    finally:
        target.observer.close()


def tried(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Of a cause those that are tried until one has a short script."""
    return list(islice(_smallest_next(verdicts), TRIES))


def undrawn(verdicts: Sequence[Verdict], salt: str) -> ScriptLine | None:
    """The line of a cause of which no case that is tried has numbers for a script: no target need be asked. Or None."""
    whys = []
    for one in verdicts:
        try:
            drawn(one, salt)
        except (Unreproducible, UsageError) as error:
            whys.append(str(error))
        else:
            return None
    return _line(verdicts[0], why=whys[0])


def _lasting(line: ScriptLine) -> bool:
    """Whether it would be the same the next time; why there is none may have passed by then."""
    return bool(line.text) or line.why.endswith(TOO_LONG)


def _of_cause(verdicts: Sequence[Verdict], target: Target, salt: str) -> ScriptLine:
    found = []
    for one in verdicts:
        found.append(_script(one, target, salt))
        if 0 < len(found[-1].text) <= SHORT:
            break
    return min(found, key=lambda line: len(line.text) or math.inf)  # of those without a text the first


def _smallest_next(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """The first, then the worst of each other case on its target, small cases first, and then all others."""
    yield verdicts[0]
    others = sorted((one for one in verdicts[1:] if one.target == verdicts[0].target), key=_size_and_margin)
    worst = {one.case: one for one in reversed(others) if one.case != verdicts[0].case}
    yield from sorted(worst.values(), key=_size_and_margin)
    yield from (one for one in others if one is not worst.get(one.case))


def _size_and_margin(verdict: Verdict) -> tuple[int, float]:
    """How many numbers it has, as far as its name tells; of the same sizes what is farthest off comes first."""
    sizes = verdict.signature.partition("-")[0]
    size = math.prod(int(size) for size in re.findall(r"\d+", sizes))
    margins = [float(one) for one in (verdict.hard, verdict.sharp) if one is not None]
    return size, -max((math.inf if math.isnan(one) else one for one in margins), default=0.0)


def _script(verdict: Verdict, target: Target, salt: str) -> ScriptLine:
    try:
        case = drawn(verdict, salt)
        if reason := target.refuses(case.formula):
            return _line(verdict, why=reason)
        cell = Cell(case, target, verdict.quantity, _families(verdict.quantity, target.backend))
        text = reproduction(cell, target.backend)
        grade = cell.judged.grade
    except (Unreproducible, UsageError, TargetUnavailable) as error:
        return _line(verdict, why=str(error))
    except Exception as error:  # noqa: BLE001 - a run that took hours does not lose its report to a script
        return _line(verdict, why=f"{type(error).__name__}: {error}")
    if grade in PASSING:
        return _line(verdict, why=f"{BY_ITSELF} {grade}")
    if len(text) > LONGEST:
        return _line(verdict, why=f"it has {len(text):,} {TOO_LONG}")
    return _line(verdict, text)


def _families(quantity: str, backend: str) -> frozenset[str]:
    """What a target is asked for, to have one quantity as a run has it: all that one of its programs gives together."""
    if "joint" in dialect(*place(backend)).programs:
        return Cell.families
    return FIRST_ORDER if quantity.partition(".")[0] in FIRST_ORDER else Cell.families - FIRST_ORDER


def _line(verdict: Verdict, text: str = "", why: str = "") -> ScriptLine:
    return ScriptLine(verdict.case, verdict.target, verdict.quantity, text, why)
