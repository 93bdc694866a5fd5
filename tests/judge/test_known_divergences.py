"""Known divergences: narrow, matched by scope and version, malformed ones refused, stale ones told."""

from pathlib import Path
from typing import Any

import pytest

from nnparity.adapters.registry import FOLDER
from nnparity.execute.target import TargetName
from nnparity.judge import known_divergences
from nnparity.judge.known_divergences import Known, KnownError, Ledger
from nnparity.run.plan import Plan
from nnparity.tests.judge.verdicts import verdict

GOOD = """
[dense-float32]
formula  = "dense"
target   = "torch:*"
dtype    = ["float32"]
quantity = "grad.*"
dataset  = "normal"
versions = { torch = ">=2.1,<2.15" }
reason   = "It adds twice."
upstream = "not reported"
"""
VERSIONS = {"torch": "2.13.0+cpu"}


def record(folder: Path, text: str = GOOD) -> list[Known]:
    (folder / "torch").mkdir(exist_ok=True)
    (folder / "torch/known.toml").write_text(text, encoding="utf-8")
    return known_divergences.load(folder)


def plan(**options: Any) -> Plan:
    return Plan((TargetName("torch"),), **options)


def stale(ledger: Ledger) -> list[str]:
    """The records whose scope was run since this was last asked, and in which nothing diverged."""
    ran, held = ledger.take()
    return sorted(ran - held)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(record(tmp_path))


def test_a_divergence_on_record_keeps_its_grade_and_carries_the_id(ledger: Ledger) -> None:
    for grade in ("diverges", "imprecise"):
        found = ledger.match(verdict(grade, quantity="grad.w"), VERSIONS)
        assert (found.grade, found.known) == (grade, "dense-float32")
    assert stale(ledger) == []


def test_what_only_other_numbers_show_is_explained_everywhere_and_stale_only_there(tmp_path: Path) -> None:
    records = record(tmp_path, GOOD.replace("[dense-float32]", '[dense-float32]\nsalt = "7"'))
    for salt, told in (("", []), ("8", []), ("7", ["dense-float32"])):
        ledger = Ledger(records, lambda one, salt=salt: one.whole(plan(salt=salt)))
        ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
        assert stale(ledger) == told
        assert ledger.match(verdict("diverges", quantity="grad.w"), VERSIONS).known == "dense-float32"
        assert stale(ledger) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"formula": "densely"},
        {"target": "pytorch:cpu:eager"},
        {"dtype": "float64"},
        {"quantity": "output"},
        {"quantity": "hvp.w"},
        {"dataset": "normally"},
    ],
)
def test_it_covers_its_scope_and_nothing_else(ledger: Ledger, fields: dict[str, str]) -> None:
    assert ledger.match(verdict(**{"quantity": "grad.w"} | fields), VERSIONS).known is None


@pytest.mark.parametrize(
    ("versions", "covered"),
    [
        ({"torch": "2.1"}, True),
        ({"torch": "2.14.9"}, True),
        ({"torch": "2.14.0+cu130"}, True),
        ({"torch": "2.15.0"}, False),
        ({"torch": "2.0.1"}, False),
        ({"torch": "2.13.0", "numpy": "1.0"}, True),
        ({"numpy": "2.13"}, False),
        ({}, False),
    ],
)
def test_it_covers_its_versions_only(ledger: Ledger, versions: dict[str, str], covered: bool) -> None:
    assert (ledger.match(verdict(quantity="grad.w"), versions).known is not None) == covered


def test_a_nightly_build_is_covered_too(ledger: Ledger) -> None:
    assert ledger.match(verdict(quantity="grad.w"), {"torch": "2.14.0.dev20260101"}).known == "dense-float32"


def test_all_packages_named_must_agree(tmp_path: Path) -> None:
    two = Ledger(record(tmp_path, GOOD.replace('torch = ">=2.1,<2.15"', 'torch = ">=2.1", numpy = "<2"')))
    assert two.match(verdict(quantity="grad.w"), {"torch": "2.3", "numpy": "1.9"}).known
    assert not two.match(verdict(quantity="grad.w"), {"torch": "2.3", "numpy": "2.9"}).known


@pytest.mark.parametrize("grade", ["error", "crashed", "timed out", "unsupported", "conforms"])
def test_only_wrong_numbers_are_excused(ledger: Ledger, grade: str) -> None:
    assert ledger.match(verdict(grade, quantity="grad.w"), VERSIONS).known is None


def test_a_record_whose_scope_was_run_without_a_divergence_is_stale(ledger: Ledger) -> None:
    assert stale(ledger) == []
    ledger.match(verdict("conforms", quantity="output"), VERSIONS)
    ledger.match(verdict("conforms", quantity="grad.w"), {"torch": "3.0"})
    assert stale(ledger) == []
    ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
    assert stale(ledger) == ["dense-float32"]
    ledger.match(verdict("diverges", quantity="grad.x"), VERSIONS)
    assert stale(ledger) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, True),
        ({"formulas": ("dense", "tanh"), "dtypes": ("float32", "float64")}, True),
        ({"formulas": ("dense",)}, False),
        ({"dtypes": ("float64",)}, False),
        ({"quantities": ("output", "grad")}, False),
        ({"level": "quick"}, False),
        ({"salt": "7"}, False),
    ],
)
def test_a_run_of_a_part_makes_no_record_stale(tmp_path: Path, options: dict[str, Any], told: bool) -> None:
    """One formula of several, or other numbers: that it conforms there says nothing of the rest."""
    two = record(tmp_path, GOOD.replace('"dense"', '["dense", "tanh"]'))
    ledger = Ledger(two, lambda one: one.whole(plan(**options)))
    ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
    assert stale(ledger) == (["dense-float32"] if told else [])
    assert ledger.match(verdict("diverges", quantity="grad.w"), VERSIONS).known == "dense-float32"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[dense-float32]", "[dense-float32", r"torch/known\.toml: not TOML"),
        ('formula  = "dense"\n', "", r"torch/known\.toml: dense-float32: .*formula"),
        ('dtype    = ["float32"]', 'dtype = "float32"', r"torch/known\.toml: dense-float32: .*dense-float32\.dtype"),
        ("reason", "raison", r"torch/known\.toml: dense-float32: .*raison"),
        ('">=2.1,<2.15"', '"from 2.1 on"', r"torch/known\.toml: dense-float32: .*from 2\.1 on"),
        ('{ torch = ">=2.1,<2.15" }', "{ torch = 2 }", r"torch/known\.toml: dense-float32: .*versions"),
    ],
    ids=["TOML", "missing", "type", "unknown", "specifier", "version"],
)
def test_a_malformed_record_is_refused_by_file_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(KnownError, match=told) as caught:
        record(tmp_path, GOOD.replace(old, new))
    assert "\n" not in str(caught.value)


def test_the_records_that_ship_can_be_read_and_are_told_apart() -> None:
    records = known_divergences.load(FOLDER)
    assert len({one.id for one in records}) == len(records)
    for one in records:
        assert one.reason.endswith(".")
        assert one.upstream in ("not reported", "documented behaviour") or one.upstream.startswith("https://")
        assert one.versions, f"{one.id}: in which versions?"
