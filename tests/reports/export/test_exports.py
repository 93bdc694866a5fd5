"""JUnit XML, the badge, the schema and the table say what the run file says."""

import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from nnparity.reports import merge, render
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.export.answer import answered
from nnparity.reports.export.badge import shields
from nnparity.reports.export.junit import junit
from nnparity.reports.export.schema import schema
from nnparity.reports.records import KnownLine, Summary, Verdict, Worst, encode


def test_in_junit_only_what_is_new_fails(verdict: Any, write: Any) -> None:
    lines = [
        verdict("diverges", formula="a", diagnosis="zeros"),
        verdict("diverges", formula="b", known="r"),
        verdict("unsupported", formula="c", message="none here"),
        verdict(formula="d"),
        verdict("imprecise", formula="d", dtype="float16"),
        KnownLine("r", "special value", "why r"),
    ]
    root = ET.fromstring(junit(Aggregate(merge([write(*lines)]))))
    (suite,) = root
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "skipped": "1",
    }
    told = {test.get("name"): [child.tag for child in test] for test in suite}
    assert told == {
        "a float32": ["failure"],
        "b float32": ["system-out"],
        "c float32": ["skipped"],
        "d float16": ["failure"],
        "d float32": [],
    }
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert (failure.text or "").endswith("nnparity reproduce a/n2c3/normal/float32 torch:cpu:eager output")
    assert "why r" in (suite.findtext("testcase/system-out") or "")


@pytest.mark.parametrize(
    ("grades", "message"),
    [
        (["inconclusive"], "inconclusive"),
        (["inconclusive", "unsupported"], "inconclusive"),
        (["unsupported", "unsupported"], "why unsupported"),
        (["inconclusive", "conforms"], None),
    ],
)
def test_in_junit_a_cell_of_which_nothing_was_judged_is_skipped(
    grades: list[str], message: str | None, verdict: Any, write: Any
) -> None:
    lines = [verdict(grade, dataset=f"d{place}", message=f"why {grade}") for place, grade in enumerate(grades)]
    (suite,) = ET.fromstring(junit(Aggregate(merge([write(*lines)]))))
    assert [one.get("message") for one in suite.iter("skipped")] == ([] if message is None else [message])
    assert suite.get("skipped") == str(int(message is not None))


@pytest.mark.parametrize(
    ("grades", "message", "colour"),
    [
        (["conforms"], "nothing new, 0 known", "success"),
        (["conforms", "diverges"], "1 new", "critical"),
        (["unsupported"], "nothing judged", "inactive"),
        ([], "nothing judged", "inactive"),
    ],
)
def test_the_badge_says_the_answer(
    grades: list[str], message: str, colour: str, tmp_path: Path, verdict: Any, write: Any
) -> None:
    verdicts = [verdict(grade, formula=f"f{number}") for number, grade in enumerate(grades)]
    files = {path.name: path for path in render(merge([write(*verdicts)]), tmp_path / "out")}
    told = json.loads(files["badge.json"].read_text("utf-8"))
    assert told == {"schemaVersion": 1, "label": "nnparity", "message": message, "color": colour}
    svg = ET.parse(files["badge.svg"]).getroot()
    texts = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["nnparity", message]


def test_where_news_fails_the_run_nothing_else_fails_in_junit_and_badge(
    tmp_path: Path, verdict: Any, write: Any
) -> None:
    wrong = verdict("diverges", formula="a", diagnosis="zeros", hard=7.0)
    worse = verdict("diverges", formula="a", dataset="large", diagnosis="zeros", hard=2.0)
    gone = [verdict(formula="b"), verdict("unsupported", formula="b", message="not any more")]
    before = write(wrong, verdict(formula="a", dataset="large"), gone[0], name="before.jsonl")
    cases = {
        "the same": ([wrong, verdict(formula="a", dataset="large"), gone[0]], {}, "no news, 1 on no record, 0 known"),
        "worse": ([wrong, worse, gone[0]], {"a float32": "wrong result"}, "news: 1 verdicts"),
        "dropped": ([wrong, gone[1]], {"b float32": "dropped support"}, "news: 1 verdicts"),
    }
    for name, (lines, failing, message) in cases.items():
        run = merge([write(*lines)])
        files = {path.name: path for path in render(run, tmp_path / name, baseline=merge([before]), only_news=True)}
        (suite,) = ET.parse(files["junit.xml"]).getroot()
        found = {test.get("name"): one.get("type") for test in suite for one in test.findall("failure")}
        assert found == failing, name
        assert (suite.get("failures"), suite.get("skipped")) == (str(len(failing)), "0")
        told = json.loads(files["badge.json"].read_text("utf-8"))
        assert (told["message"], told["color"]) == (message, "critical" if failing else "success")
        page = files["parity.html"].read_text("utf-8")
        assert f'class="answer {"bad" if failing else "good"}"' in page
        assert "framed: something there is on no record" in page
        assert not re.search(r">\s*new\s*<|\bis new\b|\bnew causes", page), "what is on no record need be no news"
        beside = suite.findtext("testcase[@name='a float32']/system-out") or ""
        assert beside.startswith("on no record, and no news: a output on torch:*") == (name != "worse")
        failure = suite.findtext("testcase[@name='a float32']/failure") or ""
        assert ("a/n2c3/large/float32" in failure) == (name == "worse"), "what is news, not what is worst"


def test_in_junit_fails_too_what_no_verdict_tells(verdict: Any, environment: Any, write: Any) -> None:
    shares = [environment(plan={"shard": [f"{one} of 3"]}) for one in (1, 2)]
    stale, idle = Summary({}, 0, ["r"], {}), verdict("unsupported", target="idle:cpu:eager")
    cases: dict[str, tuple[list[Any], dict[str, str]]] = {
        "whole": ([environment(), verdict(), Summary({}, 0, [], {})], {}),
        "stale": ([environment(), verdict(), stale], {"r": "stale record"}),
        "cut short": ([environment(), verdict()], {"came to its end": "incomplete"}),
        "idle": ([verdict(), idle], {"judged idle:cpu:eager": "not judged"}),
        "nothing": ([idle], {}),
        "a share": ([*shares, verdict(), idle, Summary({}, 0, [], {}), Summary({}, 0, [], {})], {}),
    }
    for name, (lines, failing) in cases.items():
        root = ET.fromstring(junit(Aggregate(merge([write(*lines)]))))
        found = {test.get("name"): one.get("type") for test in root.iter("testcase") for one in test.findall("failure")}
        assert found == failing, name
        assert sum(int(suite.get("failures", "")) for suite in root) == len(failing)
        told = [one.get("message") for one in root.iterfind("testsuite[@name='run']/testcase/skipped")]
        assert told == (["share 3 of 3 is missing"] if name == "a share" else [])


@pytest.mark.parametrize("only_news", [False, True])
def test_a_target_of_which_nothing_was_judged_is_no_success(
    only_news: bool, tmp_path: Path, verdict: Any, write: Any
) -> None:
    run = merge([write(verdict(), verdict("unsupported", target="idle:cpu:eager"))])
    files = {path.name: path for path in render(run, tmp_path / "out", baseline=run, only_news=only_news)}
    told = json.loads(files["badge.json"].read_text("utf-8"))
    assert (told["message"], told["color"]) == ("nothing judged on 1 of 2 targets", "critical")
    assert "Nothing was judged on idle:cpu:eager." in files["summary.md"].read_text("utf-8")
    assert 'class="answer bad"' in files["parity.html"].read_text("utf-8")
    assert answered(Aggregate(run))["targets_not_judged"] == ["idle:cpu:eager"]


def test_a_share_does_not_say_what_the_others_judge(verdict: Any, environment: Any, write: Any) -> None:
    share = environment(plan={"shard": ["1 of 2"]})
    run = merge([write(share, verdict(), verdict("unsupported", target="idle:cpu:eager"))])
    assert Aggregate(run).answer.idle == ()


def test_what_is_news_is_told_where_its_target_or_its_record_is_gone(
    verdict: Any, environment: Any, target: Any, write: Any
) -> None:
    def summary(*stale: str) -> Summary:
        return Summary({}, 0, list(stale), {})

    before = merge([write(verdict(), summary("old"))])
    now = merge([write(verdict(), summary("old", "fresh"))])
    root = ET.fromstring(junit(Aggregate(now, before, only_news=True)))
    assert {suite.get("name"): suite.get("failures") for suite in root} == {"torch:cpu:eager": "0", "records": "1"}
    assert [test.get("name") for test in root[1]] == ["fresh"]
    assert "1 stale" in shields(Aggregate(now, before, only_news=True))
    had = merge([write(verdict(target="tf:cpu:graph"))])
    asked = environment(plan={"targets": ["tf:cpu:graph"]})
    absent = merge([write(asked, target("tf:cpu:graph", available=False, reason="gone"), summary())])
    (suite,) = ET.fromstring(junit(Aggregate(absent, had, only_news=True)))
    assert (suite.get("name"), suite.get("failures")) == ("tf:cpu:graph", "1")


def test_the_schema_has_every_kind_of_line_and_its_fields(verdict: Any) -> None:
    found = schema()
    kinds = {
        one["properties"]["kind"]["enum"][0]: one for one in found["$defs"].values() if "kind" in one["properties"]
    }
    assert set(kinds) >= {"environment", "formula", "target", "verdict", "known", "fact", "curve", "summary", "seal"}
    line = json.loads(encode(verdict("diverges", salt="hunt-1-2", layout="strided")))
    assert set(line) == set(kinds["verdict"]["properties"])
    assert "class" in kinds["known"]["required"]
    assert set(line) - set(json.loads(encode(verdict("diverges")))) == {"salt", "layout"}, "of a hunt alone"


def test_the_schema_validates_every_line_and_refuses_a_wrong_one(environment: Any, verdict: Any, formula: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(schema())
    of_a_hunt = verdict(salt="hunt-1-2", layout="strided")
    lines = [
        environment(),
        formula(),
        verdict("diverges", hard="inf"),
        of_a_hunt,
        KnownLine("r", "special value", "why"),
    ]
    for line in lines:
        check.validate(json.loads(encode(line)))
    wrong = json.loads(encode(verdict())) | {"grade": 7}
    assert not check.is_valid(wrong)


def test_the_table_has_numbers_as_numbers_and_the_maxima_of_the_run_file(
    tmp_path: Path, verdict: Any, write: Any
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    verdicts = [
        verdict("diverges", hard=7.5, sharp="nan", known="r"),
        verdict("diverges", hard="inf", quantity="jvp"),
        verdict(hard=0.5, sharp=0.25, bits=24.0, quantity="hvp.x", salt="hunt-1-2", layout="strided"),
    ]
    path = write(*verdicts, KnownLine("r", "special value", "why"))
    table = parquet.read_table(render(merge([path]), tmp_path / "out")[-1]).to_pydict()
    assert table["hard"] == [7.5, float("inf"), 0.5]
    assert table["sharp"][1:] == [None, 0.25]
    assert table["class"] == ["special value", "wrong result", None]
    assert table["new"] == [False, True, False]
    assert [table["salt"], table["layout"]] == [[None, None, "hunt-1-2"], [None, None, "strided"]]
    of_the_worst = {f"worst_{name}" for name in Worst.__struct_fields__}
    assert set(table) == {*Verdict.__struct_fields__, *of_the_worst, "class", "cause", "new"} - {"worst"}
    raw = [json.loads(line) for line in path.read_text().splitlines()]
    assert max(table["hard"]) == max(float(line["hard"]) for line in raw if line["kind"] == "verdict")


@pytest.mark.parametrize("name", ["torch:cpu", "s3:x", "file:y", os.fsdecode(b"by\xffte")])
def test_the_table_may_lie_in_a_folder_of_any_name(
    tmp_path: Path, verdict: Any, write: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    with render(merge([write(verdict())]), name)[-1].open("rb") as file:
        assert parquet.read_table(file).num_rows == 1


def test_a_condition_and_a_statement_are_answered(tmp_path: Path, verdict: Any, write: Any) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("duckdb")
    from nnparity.reports.export.query import query

    verdicts = [verdict("diverges", hard=float(n), signature=f"n{n}") for n in range(2, 5)]
    table = render(merge([write(*verdicts, verdict())]), tmp_path / "o'ut")[-1]
    columns, rows = query(table, "grade = 'diverges' and hard > 2")
    assert columns[:3] == ["case", "target", "quantity"]
    assert [row[columns.index("hard")] for row in rows] == [4.0, 3.0]
    assert query(table, "select count(*) from verdicts")[1] == [(4,)]
    # a condition on which the order of its rows is still that of the margins
    assert [row[columns.index("hard")] for row in query(table, "(hard > 2) -- of all grades")[1]] == [4.0, 3.0]
    counted = "select count(*) from verdicts"
    for asked in (f"({counted})", f"-- all\n{counted}", f"/* all */ ({counted});", f"\twith a as ({counted}) from a"):
        assert query(table, asked) == (query(table, counted)[0], [(4,)]), asked
    with pytest.raises(ValueError, match="nonsense"):
        query(table, "nonsense = 1")
    with pytest.raises(ValueError, match=r"(?s)no statement: .*form.*no condition: .*form"):
        query(table, "select grade form verdicts of")


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?", "a[", "**", "s3:x", "file:y", "a=1"])
def test_the_table_that_is_named_is_asked_and_no_other(
    tmp_path: Path, verdict: Any, write: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("duckdb")
    from nnparity.reports.export.query import query

    monkeypatch.chdir(tmp_path)
    for folder, grade in (("a1", "conforms"), (name, "diverges")):
        (table,) = (path for path in render(merge([write(verdict(grade))]), folder) if path.suffix == ".parquet")
    assert query(table, "select grade from verdicts")[1] == [("diverges",)]
