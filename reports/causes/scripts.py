"""The scripts that a page carries: one of each cause where the run file has any, as many as there is room for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.classes import rank
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import ScriptLine, Verdict


@dataclass(frozen=True)
class Carried:
    """The scripts of a page, those of a target together: they have most in common."""

    lines: list[ScriptLine] = field(default_factory=list)

    def number(self, line: ScriptLine | None) -> int | None:
        """The place of a script among those that are carried."""
        return self.lines.index(line) if line in self.lines else None


def script_of(run: MergedRun, cause: Cause) -> ScriptLine | None:
    """The script of a cause: of its worst verdict, else of another; where there is none what is said of that."""
    found = [line for verdict in (cause.worst, *cause.verdicts) if (line := _line(run, verdict))]
    return next((line for line in found if line.text), found[0] if found else None)


def _line(run: MergedRun, verdict: Verdict) -> ScriptLine | None:
    return run.scripts.get((verdict.case, verdict.target, verdict.quantity))


def most_wanted(found: Mapping[Cause, ScriptLine | None]) -> list[ScriptLine]:
    """The scripts of causes: first those of what is new and of wrong results, and of each the shortest first."""
    lines = [(cause, line) for cause, line in found.items() if line and line.text]
    lines.sort(key=lambda pair: (not pair[0].new and rank(pair[0].kind) > 0, len(pair[1].text), pair[1].case))
    return [line for _, line in lines]


def fitting(lines: Iterable[ScriptLine], size: Callable[[list[ScriptLine]], int], room: int) -> Carried:
    """As many scripts as take no more than the room when they are written together, from the first on."""
    texts = list(dict.fromkeys(line for line in lines if line.text))
    least, most = 0, len(texts)
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if size(_together(texts[:middle])) <= room else (least, middle - 1)
    return Carried(_together(texts[:least]))


def _together(lines: list[ScriptLine]) -> list[ScriptLine]:
    return sorted(lines, key=lambda line: (line.target, line.case, line.quantity))
