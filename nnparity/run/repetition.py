"""Repetition: a case that fails is asked once more before its verdicts are written down, and they say what came.

A kernel that races, or keeps something from call to call, fails in one call of many. A diagnosis of that one answer
names another formula, and who reads it looks for a fault that is not there. The same bits once more say nothing new and
are not told. After a few cases of a formula in a dtype that give these no other is asked, so that it costs little where
much fails: a unit of a plan is no smaller, and whoever does it, after however many interruptions, asks the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import msgspec
import numpy as np

from nnparity.checks.common import answer, first_line
from nnparity.execute.observer import Observed
from nnparity.execute.target import Target
from nnparity.judge.elements import fingerprint
from nnparity.judge.grades import Judgement
from nnparity.reports.records import ONCE_MORE, OTHER_BITS, RIGHT_AGAIN, WRONG, Verdict
from nnparity.spec import Case

#: Cases of a formula in a dtype that a target is asked once more, at most; and those of them that give the same bits.
MOST, SAME = 32, 4
#: How an answer of a grade is called; of any other grade it *is* that.
SAYS = {"conforms": "conforms", "diverges": "diverges"}
#: Grades of an answer that is right.
RIGHT = ("conforms", "inconclusive")
#: Formula, dtype and target.
Place = tuple[str, str, str]


def repeated(verdict: Verdict) -> bool:
    """Whether its case is to be asked once more: its numbers are wrong, and nobody has put on record how."""
    return verdict.grade in WRONG and verdict.known is None


@dataclass
class Repetition:
    """Of one session. `ask` asks a target for a case once more, if it can; `judge` judges a quantity of its answer."""

    ask: Callable[[Target, Case], Observed | None]
    judge: Callable[[Target, Case, str, Observed], Judgement]
    #: How many more cases are asked of a place, and how many that give the same bits.
    _left: dict[Place, int] = field(default_factory=lambda: defaultdict(lambda: MOST))
    _same: dict[Place, int] = field(default_factory=lambda: defaultdict(lambda: SAME))

    def told(self, target: Target, found: Iterable[tuple[Case, Verdict]]) -> Iterator[Verdict]:
        """The verdicts of cases, one case after the other; those that fail say what came once more."""
        for case, several in groupby(found, key=itemgetter(0)):
            verdicts = [verdict for _, verdict in several]
            yield from self._of_case(target, case, verdicts) if any(map(repeated, verdicts)) else verdicts

    def _of_case(self, target: Target, case: Case, verdicts: list[Verdict]) -> list[Verdict]:
        """Those of a case that fails. After one that gives no answer no other is asked: to wait for it takes long."""
        place = (case.formula.id, case.dtype.name, target.name)
        if not (self._left[place] and self._same[place]) or (observed := self.ask(target, case)) is None:
            return verdicts
        self._left[place] = 0 if observed.fate else self._left[place] - 1
        told = [self._saying(target, case, one, observed) if repeated(one) else one for one in verdicts]
        self._same[place] -= told == verdicts
        return told

    def _saying(self, target: Target, case: Case, verdict: Verdict, observed: Observed) -> Verdict:
        """The verdict, and what came. A kernel that is right then has no other formula, whatever the first one fits."""
        seen = answer(observed, verdict.quantity)
        if fingerprint(seen) == verdict.digest:
            return verdict
        judged = self.judge(target, case, verdict.quantity, observed)
        message = "; ".join(filter(None, (verdict.message, f"{ONCE_MORE}{_said(seen, judged)}")))
        unlike = judged.grade in RIGHT and not verdict.follows
        return msgspec.structs.replace(verdict, message=message, diagnosis=RIGHT_AGAIN if unlike else verdict.diagnosis)


def _said(seen: object, judged: Judgement) -> str:
    if isinstance(seen, np.ndarray):
        return f"{OTHER_BITS}, and {SAYS.get(judged.grade, f'is {judged.grade}')}"
    return f"no answer: {judged.grade}, {first_line(judged.message)}"
