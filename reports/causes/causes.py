"""Causes: all failing verdicts of a known divergence, or new ones that fail alike, with the worst example of each."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from nnparity.reports.causes import repetition
from nnparity.reports.causes.classes import SIGNS, UNTOLD, rank, supposed
from nnparity.reports.formatting import badness, count
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import ALSO_MET, GRADES, LIKELY, ONCE_MORE, UNKNOWN, KnownLine, Verdict
from nnparity.reports.statistics import fails

#: Formula and target, a cell of the matrix.
Place = tuple[str, str]
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")
#: A number in a diagnosis, which is another one at each size and in each dtype.
_NUMBER = re.compile(r"\b\d[\d.,e+-]*")
#: What ends the kind of a pattern, and begins where it is: "a tail: from index 17 on of axis 1, which is 33 long".
_PATTERN = re.compile("[:;,]")
#: Quantities that the title of a cause names, at most.
_NAMED = 3


@dataclass(eq=False)
class Cause:
    """One reason why verdicts fail. `record` is its line in the run file, None where it is new or has no line."""

    id: str
    title: str
    kind: str
    new: bool
    record: KnownLine | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """One more verdict; a new cause has the worst class that any of its verdicts seems to have."""
        self.verdicts.append(verdict)
        if self.new:
            self.kind = min(self.kind, supposed(verdict), key=rank)

    @property
    def told_class(self) -> str:
        """Its class with the sign of that; of a new cause it is said to be supposed, as no record says it."""
        return f"{SIGNS.get(self.kind, '¿')} {self.kind}{' (supposed)' if self.new else ''}"

    @property
    def anchor(self) -> str:
        """The id of its card."""
        return anchored("cause", self.id)

    @cached_property
    def cells(self) -> "dict[Place, list[Verdict]]":
        """(formula, target) -> its verdicts there."""
        found: dict[Place, list[Verdict]] = {}
        for verdict in self.verdicts:
            found.setdefault((verdict.formula, verdict.target), []).append(verdict)
        return found

    @cached_property
    def worst(self) -> Verdict:
        """The verdict that shows it best."""
        return worst_of(self.verdicts)

    @property
    def reason(self) -> str:
        """Why: the record's words, or what the judge found."""
        if self.record:
            return self.record.reason
        told = (self.worst.diagnosis, self.worst.message)
        said = "; ".join(one for one in told if one) or f"{self.worst.grade}, and no known fault explains it"
        return said if self.new else f"on record as {self.title}, of which this run file has no line"

    @property
    def upstream(self) -> str:
        """Where it was reported."""
        return self.record.upstream if self.record else "not reported" if self.new else ""

    @property
    def versions(self) -> str:
        """Of which versions the record speaks."""
        return ", ".join(f"{name} {text}" for name, text in self.record.versions.items()) if self.record else ""

    @property
    def also_met(self) -> str:
        """How many of its verdicts the record tells from no wrong answer, and from which."""
        told = [also for one in self.verdicts if (also := (one.note or "").partition(ALSO_MET)[2])]
        names = dict.fromkeys(name for one in told for name in one.split(", "))
        return f"{count(len(told))} of {count(len(self.verdicts))}: {', '.join(names)}" if told else ""

    @property
    def once_more(self) -> str:
        """What those that were asked once more gave, and how many of them that, where it was not the same bits."""
        return repetition.told(self.verdicts)

    @property
    def dtypes(self) -> list[str]:
        """Those in which it is seen."""
        return list(dict.fromkeys(verdict.dtype for verdict in self.verdicts))

    @property
    def quantities(self) -> list[str]:
        """Those in which it is seen."""
        return list(dict.fromkeys(verdict.quantity for verdict in self.verdicts))

    @property
    def grades(self) -> Counter[str]:
        """How many of its verdicts have which grade."""
        return Counter(verdict.grade for verdict in self.verdicts)


def anchored(kind: str, *names: str) -> str:
    """An id for HTML that stands for names alone: readable where they are plain, else a digest of them."""
    if all(map(_PLAIN.fullmatch, names)):
        return "--".join((kind, *(name.replace(":", "-").replace(".", "-") for name in names)))
    return f"{kind}--{_digest(*names)}"


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of the worst grade with the largest margins; of several, one whose worst element is told."""
    return max(verdicts, key=_shows)


def _shows(verdict: Verdict) -> tuple[object, ...]:
    grade = GRADES.index(verdict.grade) if verdict.grade in GRADES else len(GRADES)
    return grade, verdict.worst is not None, badness(verdict.hard), badness(verdict.sharp)


def causes_of(run: MergedRun) -> list[Cause]:
    """All causes: what is new first, then the worst class, then what fails most verdicts."""
    found: dict[str, Cause] = {}
    for verdict in filter(fails, run.verdicts):
        id = verdict.known or _likeness(verdict)
        if id not in found:
            found[id] = _known(id, run.known.get(id)) if verdict.known else _new(id, verdict)
        found[id].add(verdict)
    for one in found.values():
        if one.new:
            one.title = _title(one)
    return sorted(found.values(), key=lambda one: (not one.new, rank(one.kind), -len(one.verdicts), one.id))


def _known(id: str, line: KnownLine | None) -> Cause:
    return Cause(id, id, line.class_ if line else UNTOLD, new=False, record=line)


def _new(id: str, verdict: Verdict) -> Cause:
    return Cause(id, "", supposed(verdict), new=True)


def _title(cause: Cause) -> str:
    """Where it is seen, and what is said of it: as surely as of any of its verdicts."""
    worst = cause.worst
    sure = [one for one in cause.verdicts if not (one.diagnosis or "").startswith(LIKELY)]
    said = worst_of(sure or cause.verdicts).diagnosis or worst.grade
    named, more = cause.quantities[:_NAMED], len(cause.quantities) - _NAMED
    where = ", ".join(named) + (f" and {count(more)} more" if more > 0 else "")
    return f"{worst.formula} {where} on {pattern(worst.target)}: {said}"


def _likeness(verdict: Verdict) -> str:
    """What new verdicts that fail alike have in common: formula, backend, and the first that is said of them.

    One fault is seen in many quantities and dtypes, here for certain and there as likely, in other places of arrays of
    other sizes. What nothing is said of is told apart by grade, class, what was raised, and how an answer of another
    form differs from what was asked for: that dtypes are wrong is not to hide behind wrong numbers.
    """
    return f"new-{_digest(verdict.formula, pattern(verdict.target), *_said(verdict))}"


def _said(verdict: Verdict) -> tuple[str, ...]:
    if verdict.names:
        return (_NUMBER.sub("", verdict.names[0]),)
    if verdict.diagnosis is None:
        raised = (verdict.message or "").partition(":")[0] if verdict.grade == "error" else _form(verdict)
        return verdict.grade, supposed(verdict), raised
    return (_NUMBER.sub("", _PATTERN.split(verdict.diagnosis.removeprefix(UNKNOWN))[0]),)


def _form(verdict: Verdict) -> str:
    """How the message of an answer of another form begins, without its numbers; of one with margins nothing.

    Nor of an input that was not rejected, whose message tells what was answered.
    """
    if verdict.grade != "diverges" or verdict.hard is not None or verdict.dataset.startswith("rejects"):
        return ""
    said = (verdict.message or "").partition(ONCE_MORE)[0]
    return _NUMBER.sub("", _PATTERN.split(said)[0]).rstrip(" ()")


def pattern(target: str) -> str:
    """The targets of the same backend: `torch:*`; a class of one's own is named by its file, too."""
    backend, *rest = target.rsplit(":", 2)
    return f"{backend}:*" if rest else backend


def _digest(*names: str) -> str:
    return hashlib.blake2b("\0".join(names).encode(errors="surrogatepass"), digest_size=6).hexdigest()
