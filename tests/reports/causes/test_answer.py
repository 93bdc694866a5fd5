"""No count of the answer differs from what the run file says: each is counted once more, from plain JSON."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import merge, render
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.answer import Answer
from nnparity.reports.records import Fact, KnownLine
from nnparity.reports.render.answer import answer_table
from nnparity.tests.reports.conftest import alike

PASSING = {"conforms", "inconclusive", "unsupported"}


def recounted(path: Path) -> dict[str, Any]:
    """The counts of a run file, by another way than the report's: no struct, no cause, sets of plain values."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    verdicts = {(v["case"], v["target"], v["quantity"]): v for v in lines if v["kind"] == "verdict"}.values()
    classes = {line["id"]: line["class"] for line in lines if line["kind"] == "known"}
    failing = [v for v in verdicts if v["grade"] not in PASSING]
    known = {v["known"] for v in failing if v["known"]}
    new = {alike(v) for v in failing if not v["known"]}
    return {
        "verdicts": len(verdicts),
        "formulas": len({v["formula"] for v in verdicts}),
        "targets": len({v["target"] for v in verdicts}),
        "grades": Counter(v["grade"] for v in verdicts),
        "failing": len(failing),
        "unrecorded": sum(1 for v in failing if not v["known"]),
        "known": len(known),
        "wrong": sum(classes.get(id) == "wrong result" for id in known),
        "classes": Counter(classes.get(id, "class not told") for id in known),
        "new": len(new),
    }


def told(answer: Answer) -> dict[str, Any]:
    names = ("verdicts", "formulas", "targets", "grades", "failing", "unrecorded", "known", "wrong", "classes")
    return {name: getattr(answer, name) for name in names} | {"new": len(answer.new)}


def test_every_count_is_that_of_the_run_file(given: Path) -> None:
    counts = recounted(given)
    assert min(counts["known"], counts["wrong"]) > 1, "the run has something to count"
    assert told(Aggregate(merge([given])).answer) == counts


def test_every_form_says_these_counts(given: Path, tmp_path: Path) -> None:
    counts = recounted(given)
    known = f"{counts['known']} known causes, {counts['wrong']} of them wrong numbers."
    new = f"{counts['new']} new divergences: " if counts["new"] else "Nothing new."
    parity, page, summary, junit, badge, shields, *_ = render(merge([given]), tmp_path / "out")
    for form in (parity, page, summary):
        text = form.read_text("utf-8")
        assert [known in text, new in text] == [True, True], form
    assert (f"新的差异 {counts['new']} 个：" if counts["new"] else "没有新的差异。") in page.read_text("utf-8")
    assert f"已知原因 {counts['known']} 个，其中 {counts['wrong']} 个是数值错误。" in page.read_text("utf-8")
    badged = f"{counts['new']} new" if counts["new"] else f"nothing new, {counts['known']} known"
    assert json.loads(shields.read_text("utf-8"))["message"] == badged
    assert f">{badged}</text>" in badge.read_text("utf-8")
    suites = re.findall('<testsuite name="(?!records")', junit.read_text("utf-8"))
    assert len(suites) == counts["targets"]


def test_the_page_counts_causes_by_class_as_the_run_file_does(given: Path, tmp_path: Path) -> None:
    _, page, *_ = render(merge([given]), tmp_path / "out")
    html = page.read_text("utf-8")
    groups = re.findall(r'<details class="group" data-kind="([^"]+)".*?</summary>', html, re.DOTALL)
    counts = recounted(given)
    assert html.count('<details class="cause"') == counts["known"] + counts["new"]
    assert set(counts["classes"]) <= set(groups)


@pytest.mark.parametrize("new", [0, 1, 5])
def test_the_first_sentence_says_what_is_new_and_names_three(new: int, verdict: Any, write: Any) -> None:
    verdicts = [verdict("diverges", formula=f"f{number}") for number in range(new)]
    aggregate = Aggregate(merge([write(verdict(), *verdicts)]))
    answer = aggregate.answer
    says = {0: "Nothing new.", 1: "1 new divergence: f0 output on torch:*: diverges.", 5: "; and 2 more."}
    assert says[new] in answer.told
    assert aggregate.standing == ("bad" if new else "good")
    assert "%" not in answer.told


def test_known_causes_that_are_no_wrong_numbers_are_said_to_be_none(verdict: Any, write: Any) -> None:
    line = KnownLine("r", "special value", "why")
    told = Aggregate(merge([write(verdict("diverges", known="r"), line)])).answer.told
    assert told == "Nothing new. 1 known cause, none of them wrong numbers."


def test_nothing_judged_is_no_good_news(verdict: Any, write: Any) -> None:
    assert Aggregate(merge([write()])).answer.told == "No verdict was recorded."
    aggregate = Aggregate(merge([write(verdict("unsupported"))]))
    assert [aggregate.answer.told, aggregate.standing] == ["Nothing was judged.", ""]


def test_what_was_not_run_is_said(path: Path) -> None:
    aggregate = Aggregate(merge([path]))
    english, chinese = (dict(map(tuple, answer_table(aggregate, name).rows))["not run"] for name in ("en", "zh"))
    assert english.split("; ") == [
        "dtypes: bfloat16",
        "signatures of level full",
        "not here: torch:cuda:eager (no device)",
        "formulas without a verdict: formula_6",
    ]
    assert chinese.startswith("数据类型：bfloat16; full 级的签名; 此处没有：torch:cuda:eager (no device)")


def test_what_mutate_planned_is_nothing_that_the_run_did(
    verdict: Any, environment: Any, target: Any, write: Any
) -> None:
    """`nnparity report RUN.jsonl mutation.jsonl`, in either order."""
    asked = {"dtypes": ["float32"], "level": ["quick"], "quantities": ["output"], "targets": ["jax", "torch"]}
    planted = {
        "mutation": ["planted"],
        "dtypes": ["float64", "float32", "float16", "bfloat16"],
        "level": ["full"],
        "quantities": ["output", "grad", "jvp", "hvp"],
        "targets": ["torch", "jax"],
    }
    run = write(environment(plan=asked), verdict(), verdict(target="jax:cpu:compiled"), name="run.jsonl")
    faults = write(
        environment(plan=planted, started="2024-01-01T00:00:00+00:00"),
        target(),
        Fact("mutation score", "conv2d", "float32", "1 of 1 caught"),
        name="mutation.jsonl",
    )
    alone = dict(map(tuple, answer_table(Aggregate(merge([run]))).rows))
    assert "quantities: grad, jvp, hvp" in alone["not run"]
    for files in ([run, faults], [faults, run]):
        aggregate = Aggregate(merge(files))
        rows = dict(map(tuple, answer_table(aggregate).rows))
        assert [rows[name] for name in ("not run", "date")] == [alone[name] for name in ("not run", "date")]
        assert aggregate.targets == ["jax:cpu:compiled", "torch:cpu:eager"]
    rows = dict(map(tuple, answer_table(Aggregate(merge([faults]))).rows))
    assert rows["date"] == "2024-01-01T00:00:00+00:00"
    assert "not run" not in rows


def test_the_table_says_versions_device_date_and_digest(path: Path) -> None:
    rows = dict(map(tuple, answer_table(Aggregate(merge([path]))).rows))
    assert rows["versions"] == "torch 2.9"
    assert rows["device"] == "a processor, 2 cores; Linux"
    assert rows["date"] == "2025-01-01T00:00:00+00:00"
    assert rows["nnparity"] == "0.1, Python 3.12, spec digest cafe"
    assert rows["stale records"] == "stale-1"
