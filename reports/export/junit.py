"""A run as JUnit XML, as CI systems show it: a test for each formula, target and dtype; only what is new fails.

Where news since a baseline is what fails the run, only that fails here. What else fails a run has suites of its own:
records that are stale, since the baseline where news is what fails, and what speaks against the run as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from nnparity.reports.aggregation import Aggregate, grouped
from nnparity.reports.causes.causes import Cause, worst_of
from nnparity.reports.causes.commands import reproduction
from nnparity.reports.causes.matrix import ALL, Cell, Key
from nnparity.reports.differences import DROPPED, Change
from nnparity.reports.formatting import count, visible
from nnparity.reports.records import Verdict

#: Characters of a reason, at most.
_MOST = 4_000
#: The suites of the records that nothing confirms any more, and of the run as a whole; no target is called so.
RECORDS, RUN = "records", "run"


@dataclass(frozen=True)
class _Failure:
    """Why a test fails: a class, a title, and all that is said of it."""

    kind: str
    title: str
    said: str


@dataclass(frozen=True)
class _Test:
    """A cell; `causes` are those of its causes that do not fail it."""

    name: str
    cell: Cell
    failures: Sequence[_Failure]
    causes: Sequence[Cause]

    @property
    def skipped(self) -> bool:
        """Whether nothing was judged: all is unsupported, or so wide that it says nothing."""
        return not self.failures and self.cell.statistics.judged == 0


@dataclass(frozen=True)
class _Beside:
    """A test that is of no cell; without a kind of failure it was not run."""

    name: str
    message: str
    kind: str = ""


def junit(aggregate: Aggregate) -> str:
    """The document; a suite for each target, one of stale records, and one of what speaks against the whole run."""
    suites = ET.Element("testsuites", name="nnparity")
    cells = {key: cell for key, cell in aggregate.matrix.items() if key[2] != ALL}
    if aggregate.only_news:  # what is no longer there may be news, too
        cells |= {key: Cell() for key in aggregate.news.cells if key not in cells}
    suited = grouped((key[1], key) for key in sorted(cells))
    for target in sorted(suited, key=aggregate.asked):
        tests = [_test(aggregate, key, cells[key]) for key in suited[target]]
        suite = ET.SubElement(suites, "testsuite", {"name": visible(target)} | _counts(tests))
        for test in tests:
            _tell(ET.SubElement(suite, "testcase", classname=visible(target), name=visible(test.name)), test)
    stale = aggregate.news.stale if aggregate.only_news else aggregate.answer.stale
    _tell_beside(suites, RECORDS, [_Beside(one, "nothing diverges there any more", "stale record") for one in stale])
    _tell_beside(suites, RUN, list(_of_the_run(aggregate)))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _test(aggregate: Aggregate, key: Key, cell: Cell) -> _Test:
    formula, _, dtype = key
    shown, further = {cause: cause.worst for cause in cell.causes if cause.new}, list[_Failure]()
    if aggregate.only_news:
        news = aggregate.news.cells.get(key, [])
        shown, further = _since(cell, news), list(_dropped(news))
    failures = [_Failure(one.kind, one.title, _said(aggregate, one, worst)) for one, worst in shown.items()]
    return _Test(f"{formula} {dtype}", cell, failures + further, [one for one in cell.causes if one not in shown])


def _since(cell: Cell, news: Sequence[Change]) -> dict[Cause, Verdict]:
    """The causes of a cell that are news there, each with the verdict that shows best what the baseline had not."""
    fresh = {id(one.new) for one in news}
    found = {cause: [one for one in cause.verdicts if id(one) in fresh] for cause in cell.causes}
    return {cause: worst_of(verdicts) for cause, verdicts in found.items() if verdicts}


def _dropped(news: Sequence[Change]) -> Iterator[_Failure]:
    """What is no longer supported, which no cause tells of: nothing there diverges."""
    if dropped := [one for one in news if one.kind == DROPPED]:
        grades = ", ".join(dict.fromkeys(one.grades for one in dropped))
        why = "\n".join(dict.fromkeys(one.new.message[:_MOST] for one in dropped if one.new and one.new.message))
        title = f"{count(len(dropped))} verdicts no longer supported: {grades}"
        yield _Failure(DROPPED, title, visible(f"{title}\n{why}".rstrip()))


def _counts(tests: Sequence[_Test]) -> dict[str, str]:
    return {
        "tests": str(len(tests)),
        "failures": str(sum(bool(one.failures) for one in tests)),
        "skipped": str(sum(one.skipped for one in tests)),
    }


def _why(cell: Cell) -> str:
    worst = cell.statistics.worst
    unsupported = cell.statistics.grade == "unsupported"
    return ((worst.message if unsupported and worst else None) or cell.statistics.grade)[:_MOST]


def _tell(element: ET.Element, test: _Test) -> None:
    if test.failures:
        first = test.failures[0]
        failure = ET.SubElement(element, "failure", type=first.kind, message=visible(first.title))
        failure.text = "\n\n".join(one.said for one in test.failures)
    elif test.skipped:
        ET.SubElement(element, "skipped", message=visible(_why(test.cell)))
    if test.causes:
        ET.SubElement(element, "system-out").text = visible("\n".join(map(_beside, test.causes)))


def _beside(cause: Cause) -> str:
    """A cause that does not fail the test; one on no record is none that the baseline had not."""
    name = f"on no record, and no news: {cause.title}" if cause.new else f"on record: {cause.id}"
    return f"{name} ({cause.kind}): {cause.reason[:_MOST]}"


def _said(aggregate: Aggregate, cause: Cause, worst: Verdict) -> str:
    head = f"{cause.told_class}: {cause.title}\n{cause.reason[:_MOST]}"
    return "\n".join(filter(None, (visible(head), reproduction(aggregate.run, worst), aggregate.caution(worst))))


def _of_the_run(aggregate: Aggregate) -> Iterator[_Beside]:
    """What no verdict tells. Of a share the rest is not run here, which is no failure of its own.

    Where nothing at all was judged every test is skipped, and says why.
    """
    answer, runs = aggregate.answer, len(aggregate.run.environments)
    if answer.cut_short:
        yield _Beside("came to its end", f"{answer.cut_short} of {runs} runs did not come to an end", "incomplete")
    for target in answer.idle if answer.judged else ():
        yield _Beside(f"judged {target}", "nothing was judged: every formula of the plan is unsupported", "not judged")
    for missing in answer.missing:
        yield _Beside("all shares of the plan", missing.told)


def _tell_beside(suites: ET.Element, name: str, tests: Sequence[_Beside]) -> None:
    """A suite of tests without a cell; nothing where there are none."""
    if not tests:
        return
    failing = sum(bool(one.kind) for one in tests)
    counted = {"tests": str(len(tests)), "failures": str(failing), "skipped": str(len(tests) - failing)}
    suite = ET.SubElement(suites, "testsuite", {"name": name} | counted)
    for one in tests:
        test = ET.SubElement(suite, "testcase", classname=name, name=visible(one.name))
        if one.kind:
            ET.SubElement(test, "failure", type=one.kind, message=visible(one.message))
        else:
            ET.SubElement(test, "skipped", message=visible(one.message))
