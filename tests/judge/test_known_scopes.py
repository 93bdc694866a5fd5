"""The records that ship, held against the verdicts of a whole run: none is wider than it needs, no two overlap.

The verdicts are those of `known_scope.json`, see tools/record_scopes.py: no framework is needed here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnparity.adapters.registry import FOLDER
from nnparity.judge.known_divergences import Known, load, settled
from nnparity.reports.records import Verdict

#: The part of the verdicts in a record's scope that may be right all the same.
MOST = 0.25
#: Of all verdicts, how many may lie in some record's scope.
ALL = 0.10


@pytest.fixture(scope="module")
def run() -> Any:
    return json.loads((Path(__file__).parent / "known_scope.json").read_text(encoding="utf-8"))


def verdicts(run: Any) -> Iterator[Verdict]:
    for target, cases in run["verdicts"].items():
        for case, grades in cases.items():
            formula, signature, rest = case.split("/", 2)
            dataset, dtype = rest.rsplit("/", 1)
            for quantity, grade in grades.items():
                yield Verdict(case, formula, signature, dataset, dtype, target, quantity, grade)


def shares(records: list[Known], run: Any) -> dict[str, tuple[int, int]]:
    """Record -> how many verdicts in its scope are right, of how many."""
    found = {one.id: [0, 0] for one in records}
    for verdict in verdicts(run):
        for one in records:
            if one.covers(verdict, run["versions"][verdict.target]):
                found[one.id][0] += verdict.grade in ("conforms", "inconclusive")
                found[one.id][1] += 1
    return {id: (right, total) for id, (right, total) in found.items()}


def wide(found: dict[str, tuple[int, int]]) -> list[str]:
    return [id for id, (right, total) in found.items() if right > MOST * total]


def test_no_record_covers_more_than_it_needs(run: Any) -> None:
    """One that only other numbers or sizes show, or other processors, has its proof in another run."""
    found = shares([one for one in load(FOLDER) if not (one.salt or one.processor or one.pool)], run)
    for id, (right, total) in found.items():
        print(f"{id}: {right} of {total} in its scope conform")  # noqa: T201  (what a failure is read by)
    assert wide(found) == []


def test_a_record_that_covers_too_much_is_seen(run: Any) -> None:
    plain = next(one for one in load(FOLDER) if one.id == "torch-gelu-infinity")
    assert wide(shares([plain], run)) == []
    two = {"torch-gelu-infinity": (2, 7)}
    assert wide(two) == ["torch-gelu-infinity"]


def test_no_two_records_cover_the_same_verdict(run: Any) -> None:
    records = load(FOLDER)
    for verdict in verdicts(run):
        found = settled([one for one in records if one.covers(verdict, run["versions"][verdict.target])])
        told = [one.id for one in found]
        assert len(found) < 2, f"{verdict.case} {verdict.quantity} of {verdict.target}: {told}"


def test_few_verdicts_lie_in_some_scope(run: Any) -> None:
    inside = sum(len(grades) for cases in run["verdicts"].values() for grades in cases.values())
    assert inside < ALL * sum(run["total"].values())
