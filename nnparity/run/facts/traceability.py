"""Traceability: each entry of the primer, the formulas it became, their references, and how targets fared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from nnparity.reference import FORMULAS
from nnparity.reports.records import GRADES, Fact, Verdict
from nnparity.spec.primer import Entry, entries

TABLE = "the primer, entry by entry"


def trace(verdicts: Iterable[Verdict]) -> Iterator[Fact]:
    """One row an entry: its formulas, their references, and the worst grade of each target that ran any of them.

    None where nothing of the primer was run, but a pack.
    """
    worst = worst_grades(verdicts)
    if worst and not any(id in worst for entry in entries() for id in entry.formulas):
        return
    targets = sorted({target for grades in worst.values() for target in grades})
    for entry in entries():
        row = f"{entry.place} {entry.says}"
        yield Fact(TABLE, row, "formulas", ", ".join(entry.formulas) or f"none: {entry.reason}")
        if entry.formulas:
            yield Fact(TABLE, row, "reference", ", ".join(sorted({place(id) for id in entry.formulas})))
        for target in targets if entry.formulas else ():
            yield Fact(TABLE, row, target, _fared(entry, target, worst))


def worst_grades(verdicts: Iterable[Verdict]) -> dict[str, dict[str, str]]:
    """formula -> target -> the worst grade; what is on record counts as recorded, not as a failure."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for verdict in verdicts:
        grade = "on record" if verdict.known else verdict.grade
        before = found[verdict.formula].get(verdict.target, grade)
        found[verdict.formula][verdict.target] = max(before, grade, key=_rank)
    return found


def _rank(grade: str) -> int:
    """Unsupported says nothing, so that anything judged outranks it; a record stands between conforming and failing."""
    order = ("unsupported", "inconclusive", "conforms", "on record", *GRADES[2:-1])
    return order.index(grade)


def place(id: str) -> str:
    """Where the reference computes a formula, as in ``reference.convolution: conv2d``."""
    module = FORMULAS[id].forward.__module__.removeprefix("nnparity.")
    return f"{module}: {FORMULAS[id].forward.__name__}"


def _fared(entry: Entry, target: str, worst: dict[str, dict[str, str]]) -> str:
    grades = [worst[id][target] for id in entry.formulas if target in worst.get(id, {})]
    return max(grades, key=_rank) if grades else "not run"
