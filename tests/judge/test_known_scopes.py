"""The records that ship, held against the verdicts of whole runs: none is wider than it needs, no two overlap.

The verdicts are those of `known_scope.json`, see tools/record_scopes.py: no framework is needed here. They are of a run
in all dtypes, of runs in float16 and in bfloat16 alone, which ask in these what the first asks in float32, and of runs
of the whole pool of sizes: a record may fit the sizes of every run and be far too wide for others.

And versions: one before a release is of a record's range as the release is, whatever `packaging` is installed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nnparity.adapters.registry import FOLDER
from nnparity.judge.applicability import beyond, within
from nnparity.judge.known_divergences import Known, Ledger, load, settled
from nnparity.reports.records import Verdict

#: The part of the verdicts in a record's scope that may be right all the same.
MOST = 0.25
#: Of all verdicts, how many may lie in some record's scope.
ALL = 0.10
#: The runs of the whole pool come after these.
POOL = 3
#: Records of what is tried in one dtype of a run, that only a run of half precision alone meets.
OF_HALF_ALONE = (
    "jax-attention-of-one-key-bfloat16",
    "tensorflow-lstm-bias-bfloat16",
    "tensorflow-max-pooling-of-nothing",
    "tensorflow-mlp-bias-bfloat16",
    "torch-layer-norm-scale-half",
    "torch-masked-attention-output-sums-bfloat16",
)
#: The versions of which a record speaks.
RANGES = {"torch": ">=2.1,<2.15"}


@pytest.fixture(scope="module")
def runs() -> Any:
    return json.loads((Path(__file__).parent / "known_scope.json").read_text(encoding="utf-8"))


def verdicts(runs: Any) -> Iterator[tuple[Verdict, dict[str, str], list[str]]]:
    """Each with the versions of its run, and the instructions of the processor that it ran on."""
    for run in runs:
        for target, cases in run["verdicts"].items():
            for case, grades in cases.items():
                formula, signature, rest = case.split("/", 2)
                dataset, dtype = rest.rsplit("/", 1)
                for quantity, grade in grades.items():
                    one = Verdict(case, formula, signature, dataset, dtype, target, quantity, grade)
                    yield one, run["versions"][target], run["instructions"]


def shares(records: list[Known], runs: Any) -> dict[str, tuple[int, int]]:
    """Record -> how many verdicts in its scope are right, of how many."""
    ledger, found = Ledger(records), {one.id: [0, 0] for one in records}
    for verdict, *where in verdicts(runs):
        for one in ledger.about(verdict.formula, verdict.target):
            if one.covers(verdict, *where):
                found[one.id][0] += verdict.grade in ("conforms", "inconclusive")
                found[one.id][1] += 1
    return {id: (right, total) for id, (right, total) in found.items()}


def wide(found: dict[str, tuple[int, int]]) -> list[str]:
    return [id for id, (right, total) in found.items() if right > MOST * total]


def test_no_record_covers_more_than_it_needs(runs: Any) -> None:
    """One that only other numbers show, or what varies, has its proof in another run."""
    found = shares([one for one in load(FOLDER) if not (one.salt or one.varies)], runs)
    for id, (right, total) in found.items():
        print(f"{id}: {right} of {total} in its scope conform")  # noqa: T201  (what a failure is read by)
    assert wide(found) == []


def test_a_record_that_covers_too_much_is_seen(runs: Any) -> None:
    plain = next(one for one in load(FOLDER) if one.id == "torch-gelu-infinity")
    assert wide(shares([plain], runs)) == []
    two = {"torch-gelu-infinity": (2, 7)}
    assert wide(two) == ["torch-gelu-infinity"]


def test_one_that_covers_too_much_in_a_run_of_half_precision_alone_is_seen(runs: Any) -> None:
    """Of an empty batch of conv2d in float16 TensorFlow is right where oneDNN has no convolution of float16."""
    narrow = next(one for one in load(FOLDER) if one.id == "tensorflow-conv2d-empty")
    targets, dtypes = ("tensorflow:cpu:*", "keras-tensorflow:cpu:*"), ("float32", "float16", "bfloat16")
    wider = msgspec.structs.replace(narrow, target=targets, dtype=dtypes)
    assert wide(shares([wider], runs)) == [narrow.id]
    assert wide(shares([wider], runs[:1])) == []


def test_one_that_covers_too_much_of_the_pool_alone_is_seen(runs: Any) -> None:
    """Of 128 rows a layer norm's scale has its gradient right but for the 64 columns that every run asks."""
    narrow = next(one for one in load(FOLDER) if one.id == "torch-layer-norm-scale-half")
    assert wide(shares([narrow], runs)) == []
    wider = msgspec.structs.replace(narrow, case="layer_norm/n[1-9][0-9][0-9]*d*")
    assert wide(shares([wider], runs)) == [narrow.id]
    assert wide(shares([wider], runs[:POOL])) == []


def test_records_that_only_runs_of_half_precision_alone_meet_are_held_against_them(runs: Any) -> None:
    records = [one for one in load(FOLDER) if one.id in OF_HALF_ALONE]
    assert [id for id, (_, total) in shares(records, runs).items() if total] == [one.id for one in records]
    assert not any(total for _, total in shares(records, runs[:1]).values())
    assert len(records) == len(OF_HALF_ALONE)


def test_no_two_records_cover_the_same_verdict(runs: Any) -> None:
    ledger = Ledger(load(FOLDER))
    for verdict, *where in verdicts(runs):
        near = ledger.about(verdict.formula, verdict.target)
        found = settled([one for one in near if one.covers(verdict, *where)])
        told = [one.id for one in found]
        assert len(found) < 2, f"{verdict.case} {verdict.quantity} of {verdict.target}: {told}"


def test_few_verdicts_lie_in_some_scope(runs: Any) -> None:
    """Of a run in all dtypes; in half precision alone more do, as more of what is known is of half precision."""
    run = runs[0]
    inside = sum(len(grades) for cases in run["verdicts"].values() for grades in cases.values())
    assert inside < ALL * sum(run["total"].values())


def test_what_diverged_in_these_runs_is_on_record_still(runs: Any) -> None:
    """A record that is made narrower loses nothing that it was made for, on no processor that it was seen on."""
    ledger, lost = Ledger(load(FOLDER)), []
    for verdict, *where in verdicts(runs):
        near = ledger.about(verdict.formula, verdict.target)
        if verdict.grade in ("imprecise", "diverges") and not any(one.covers(verdict, *where) for one in near):
            lost.append(f"{verdict.case} {verdict.quantity} of {verdict.target}")
    assert lost == []


@pytest.mark.parametrize("version", ["2.14.0rc1", "2.14.0.dev20260101+cpu", "2.14.0a0", "2.14.0"])
def test_a_version_before_a_release_lies_within(version: str) -> None:
    assert within({"torch": version}, RANGES)
    assert beyond({"torch": version}, RANGES) is None


@pytest.mark.parametrize("version", ["2.15.0rc1", "2.15.0.dev20260101+cpu", "2.15.0"])
def test_one_of_the_release_that_ends_the_range_lies_past_it(version: str) -> None:
    assert not within({"torch": version}, RANGES)
    assert beyond({"torch": version}, RANGES) == "seen up to 2.14; confirm for 2.15"


@pytest.mark.parametrize("version", ["2.0.0rc1", "2.1.0rc1"])
def test_one_before_the_range_is_neither(version: str) -> None:
    assert not within({"torch": version}, RANGES)
    assert beyond({"torch": version}, RANGES) is None
