"""Several run files are one run: nothing is told twice, and the later word counts."""

from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import MergedRun, merge, write_merged
from nnparity.reports.__main__ import main
from nnparity.reports.records import Fact, Summary, encode


def test_a_later_verdict_replaces_an_earlier_one_of_the_same_quantity(write: Any, verdict: Any) -> None:
    first = write(verdict("diverges"), verdict("conforms", quantity="grad.x"), name="a")
    second = write(verdict("conforms"), verdict("error", quantity="jvp"), name="b")
    grades = {line.quantity: line.grade for line in merge([first, second]).verdicts}
    assert grades == {"output": "conforms", "grad.x": "conforms", "jvp": "error"}
    assert list(grades) == ["output", "grad.x", "jvp"]
    assert merge([second, first]).verdicts[0].grade == "diverges"


@pytest.mark.parametrize("other", [{"target": "jax:cpu:eager"}, {"quantity": "grad.x"}, {"dtype": "float64"}])
def test_verdicts_of_other_targets_quantities_and_cases_stay(write: Any, verdict: Any, other: dict[str, str]) -> None:
    assert len(merge([write(verdict(), verdict(**other))]).verdicts) == 2


def test_one_environment_for_each_file_and_each_formula_once(write: Any, environment: Any, formula: Any) -> None:
    files = [write(environment(cpu=name), formula(), formula("dense"), name=name) for name in "ab"]
    run = merge(files)
    assert [line.cpu for line in run.environments] == ["a", "b"]
    assert list(run.formulas) == ["conv2d", "dense"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_target_that_is_available_in_one_file_is_available(write: Any, target: Any, order: str) -> None:
    lines = {"a": target(available=False, reason="not installed"), "b": target(versions={"torch": "3"})}
    run = merge([write(lines[name], name=name) for name in order])
    assert list(run.targets.values()) == [lines["b"]]


def test_what_two_files_say_of_a_target_is_joined(write: Any, target: Any) -> None:
    first = write(target(unsupported={"lstm": "no kernel"}, properties={"TF32": "off"}, source="abc"), name="a")
    second = write(target(unsupported={"gelu": "no erf"}, import_seconds=2.0), name="b")
    joined = merge([first, second]).targets["torch:cpu:eager"]
    assert joined.unsupported == {"lstm": "no kernel", "gelu": "no erf"}
    assert (joined.properties, joined.import_seconds, joined.source) == ({"TF32": "off"}, 2.0, "abc")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"versions": {"torch": "2.4"}}, "the runs are of different versions, torch 2.13 and 2.4 of torch:cpu:eager: "),
        ({"versions": {"torch": "2.13", "triton": "3"}}, ""),
        ({"available": False, "versions": {"torch": "2.4"}}, ""),
    ],
)
def test_what_one_version_did_is_not_said_of_another(
    other: dict[str, Any], told: str, write: Any, target: Any, environment: Any
) -> None:
    files = [write(environment(), target(versions={"torch": "2.13"}), name="a")]
    files.append(write(environment(), target(**other), name="b"))
    unlike = merge(files).unlike
    assert unlike.startswith(told)
    assert bool(unlike) == bool(told)


def test_a_later_fact_replaces_the_cell(write: Any) -> None:
    facts = [Fact("t", "row", "column", "old"), Fact("t", "row", "other", "x"), Fact("t", "row", "column", "new")]
    assert [fact.text for fact in merge([write(*facts)]).facts] == ["new", "x"]


def test_seconds_add_up_and_a_record_met_in_any_file_is_not_stale(write: Any, verdict: Any) -> None:
    first = write(Summary({}, 0, ["met", "gone"], {"judge": 1.0}), name="a")
    second = write(verdict("diverges", known="met"), Summary({}, 1, ["gone"], {"judge": 0.5, "observe": 2.0}), name="b")
    run = merge([first, second])
    assert run.seconds == {"judge": 1.5, "observe": 2.0}
    assert run.stale == ["gone"]


def test_compiled_programs_add_up_and_stand_beside_their_target(write: Any, report: Any, target: Any) -> None:
    jax, torch = target("jax:cpu:compiled"), target()
    first = Summary({}, 0, [], {}, {"jax:cpu:compiled": {"compiled": 300, "from the cache": 4}})
    second = Summary({}, 0, [], {}, {"jax:cpu:compiled": {"compiled": 12, "from the cache": 1200}})
    assert merge([write(first, name="a"), write(second, name="b")]).programs == {
        "jax:cpu:compiled": {"compiled": 312, "from the cache": 1204}
    }
    (row,) = (line for line in report(jax, torch, first, second).markdown.splitlines() if "312 compiled" in line)
    assert "jax:cpu:compiled" in row
    assert "312 compiled, 1,204 from the cache" in row
    assert "programs" not in report(jax, torch).markdown


def test_a_killed_run_is_read_and_known_to_be_cut_short(tmp_path: Path, environment: Any, verdict: Any) -> None:
    path = tmp_path / "killed"
    path.write_bytes(encode(environment()) + encode(verdict()) + encode(verdict(quantity="grad.x"))[:40])
    run = merge([path])
    assert (run.cut_short, len(run.verdicts)) == (1, 1)


def test_a_finished_run_is_not_cut_short(write: Any, environment: Any) -> None:
    assert merge([write(environment(), Summary({}, 0, [], {}))]).cut_short == 0


def test_what_is_merged_and_written_reads_back_the_same(tmp_path: Path, write: Any) -> None:
    path = tmp_path / "deep" / "merged.jsonl"
    run = merge([write(Fact("t", "r", "c", "x"), Summary({}, 0, ["s"], {"judge": 1.0}))])
    write_merged(run, path)
    assert merge([path]) == run


def test_a_merged_file_begins_with_the_environment(tmp_path: Path, write: Any, environment: Any, verdict: Any) -> None:
    path = tmp_path / "merged.jsonl"
    run = merge([write(verdict(), environment())])
    write_merged(run, path)
    assert path.read_bytes().startswith(b'{"kind":"environment"')
    assert merge([path]) == run


def test_no_file_and_an_empty_file_are_an_empty_run(write: Any) -> None:
    assert merge([]) == merge([write()]) == MergedRun()


@pytest.mark.parametrize(
    ("plans", "told"),
    [
        ([{"shard": ["1 of 2"]}, {"shard": ["2 of 2"]}], ""),
        ([{"shard": ["2 of 2"]}] * 2, "share 1 of 2 is missing"),
        ([{"shard": ["2 of 2"], "known": ["a.toml"]}, {"shard": ["1 of 2"], "known": ["b.toml"]}], ""),
        (
            [{"shard": ["1 of 2"], "level": ["full"]}, {"shard": ["2 of 2"], "level": ["core"]}],
            "share 2 of 2 is missing; share 1 of 2 is missing",
        ),
        ([{"shard": ["1 of 2"]}, {}], ""),
        ([{"shard": ["1 of 2"]}, {"level": ["full"]}], "share 2 of 2 is missing"),
        ([{"shard": ["1 of 20"]}], f"shares {', '.join(map(str, range(2, 14)))}, … of 20 are missing"),
        ([{"shard": ["of"]}, {"shard": []}, {"shard": ["1 of 99999999999"]}], ""),
    ],
)
def test_shares_that_are_missing_are_named(
    plans: list[dict[str, list[str]]], told: str, write: Any, environment: Any
) -> None:
    ended = Summary({}, 0, [], {})
    files = [write(environment(plan=plan), ended, name=str(place)) for place, plan in enumerate(plans)]
    assert merge(files).incomplete == told


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, ""),
        ({"cpu": "another"}, ""),
        ({"spec_digest": "beef"}, "the runs are of different specs, beef, cafe: "),
        ({"salt": "soak-2"}, "the runs are on different numbers, salt '' of philox, salt 'soak-2' of philox: "),
        ({"seeds": "other"}, "the runs are on different numbers, salt '' of other, salt '' of philox: "),
    ],
)
def test_runs_that_ask_something_else_are_not_one(
    other: dict[str, str], told: str, tmp_path: Path, write: Any, environment: Any, verdict: Any
) -> None:
    ended = Summary({}, 0, [], {})
    first = write(environment(), verdict("diverges"), ended, name="a")
    second = write(environment(**other), verdict(), ended, name="b")
    unlike = merge([first, second]).unlike
    assert unlike.startswith(told)
    assert bool(unlike) == bool(told)
    assert main([str(first), str(second), "--out", str(tmp_path / "out")]) == (2 if told else 0)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        merge([tmp_path / "nowhere.jsonl"])
