"""A run as JUnit XML, as CI systems show it: a test for each formula, target and dtype; only what is new fails."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.causes import Cause
from nnparity.reports.causes.commands import reproduction
from nnparity.reports.causes.matrix import ALL, Cell
from nnparity.reports.formatting import visible

#: Characters of a reason, at most.
_MOST = 4_000


def junit(aggregate: Aggregate) -> str:
    """The document; a suite for each target."""
    suites = ET.Element("testsuites", name="nnparity")
    for target in aggregate.targets:
        cells = [(key, cell) for key, cell in aggregate.matrix.items() if key[1] == target and key[2] != ALL]
        suite = ET.SubElement(suites, "testsuite", {"name": visible(target)} | _counts(cell for _, cell in cells))
        for (formula, _, dtype), cell in sorted(cells, key=lambda item: item[0]):
            test = ET.SubElement(suite, "testcase", classname=visible(target), name=visible(f"{formula} {dtype}"))
            _tell(aggregate, test, cell)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _counts(cells: Iterable[Cell]) -> dict[str, str]:
    found = list(cells)
    return {
        "tests": str(len(found)),
        "failures": str(sum(cell.new > 0 for cell in found)),
        "skipped": str(sum(_skipped(cell) for cell in found)),
    }


def _skipped(cell: Cell) -> bool:
    """Whether nothing was judged: all is unsupported, or so wide that it says nothing."""
    return cell.statistics.judged == 0


def _why(cell: Cell) -> str:
    worst = cell.statistics.worst
    unsupported = cell.statistics.grade == "unsupported"
    return ((worst.message if unsupported and worst else None) or cell.statistics.grade)[:_MOST]


def _tell(aggregate: Aggregate, test: ET.Element, cell: Cell) -> None:
    if cell.new:
        new = [cause for cause in cell.causes if cause.new]
        said = "\n\n".join(_said(aggregate, cause) for cause in new)
        ET.SubElement(test, "failure", type=new[0].kind, message=visible(new[0].title)).text = said
    elif _skipped(cell):
        ET.SubElement(test, "skipped", message=visible(_why(cell)))
    if known := [cause for cause in cell.causes if not cause.new]:
        lines = (f"on record: {cause.id} ({cause.kind}): {cause.reason[:_MOST]}" for cause in known)
        ET.SubElement(test, "system-out").text = visible("\n".join(lines))


def _said(aggregate: Aggregate, cause: Cause) -> str:
    head = f"{cause.told_class}: {cause.title}\n{cause.reason[:_MOST]}"
    return f"{visible(head)}\n{reproduction(aggregate.run, cause.worst)}"
