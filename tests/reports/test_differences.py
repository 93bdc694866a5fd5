"""Two runs held against each other: each kind of change is told once, by cause, and the status follows from it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.command_line import main as cli
from nnparity.judge.elements import fingerprint
from nnparity.reports import merge
from nnparity.reports.differences import KINDS, Differences, compare
from nnparity.reports.differences_told import FORMATS
from nnparity.reports.records import Environment, Summary, TargetLine, Verdict, encode
from nnparity.tests.reports.conftest import MakeVerdict, Write

Compare = Callable[[list[Verdict], list[Verdict]], Differences]
END = Summary({}, 0, [], {})


@pytest.fixture
def differences(
    write: Write, environment: Callable[..., Environment], target: Callable[..., TargetLine]
) -> Callable[..., Differences]:
    def compared(old: list[Verdict], new: list[Verdict], before: Any = None, **changes: Any) -> Differences:
        runs = [
            merge(
                [
                    write(
                        environment(**salted), target(versions={"torch": version}), *lines, END, name=f"{version}.jsonl"
                    )
                ]
            )
            for version, lines, salted in (("2.4", old, before or {}), ("2.13", new, changes))
        ]
        return compare(*runs)

    return compared


CHANGES = [
    ("worse", {"grade": "conforms"}, {"grade": "diverges"}),
    ("worse", {"grade": "inconclusive"}, {"grade": "error"}),
    ("worse", {"grade": "imprecise"}, {"grade": "diverges", "known": "a-record"}),
    ("better", {"grade": "diverges"}, {"grade": "imprecise"}),
    ("better", {"grade": "crashed"}, {"grade": "conforms"}),
    ("worse", {"grade": "diverges", "known": "a-record"}, {"grade": "diverges"}),
    ("worse", {"grade": "diverges", "known": "a-record"}, {"grade": "imprecise"}),
    ("worse", {"grade": "error"}, {"grade": "diverges"}),
    ("worse", {"grade": "timed out", "known": "a-record"}, {"grade": "imprecise"}),
    ("better", {"grade": "error"}, {"grade": "diverges", "known": "a-record"}),
    ("better", {"grade": "diverges", "known": "a-record"}, {"grade": "imprecise", "known": "another"}),
    ("other numbers", {"grade": "diverges", "digest": "a"}, {"grade": "diverges", "digest": "b", "known": "a-record"}),
    ("dropped support", {"grade": "conforms"}, {"grade": "unsupported"}),
    ("new support", {"grade": "unsupported"}, {"grade": "conforms"}),
    ("vanished", {"grade": "conforms"}, None),
    ("appeared", None, {"grade": "diverges"}),
    ("other bits", {"digest": "a", "hard": 0.5}, {"digest": "b", "hard": 0.5}),
    ("other bits", {"hard": 0.5}, {"digest": "b", "hard": 0.25}),
    ("other bits", {"grade": "conforms", "digest": "a"}, {"grade": "inconclusive", "digest": "b"}),
    ("other numbers", {"grade": "diverges", "digest": "a"}, {"grade": "diverges", "digest": "b"}),
    (None, {"digest": "a", "hard": 0.5, "seconds": 1.0}, {"digest": "a", "hard": 0.5, "seconds": 2.0}),
    (None, {"hard": 0.5, "diagnosis": "x"}, {"hard": 0.5, "digest": "a"}),
    (None, {"grade": "unsupported", "message": "no"}, {"grade": "unsupported", "message": "not yet"}),
    (None, {"grade": "unsupported"}, None),
]


@pytest.mark.parametrize(("kind", "old", "new"), CHANGES)
def test_each_kind_of_change(
    differences: Compare, verdict: MakeVerdict, kind: str | None, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> None:
    runs = [[] if one is None else [verdict(**one)] for one in (old, new)]
    found = differences(*runs)
    assert [group.kind for group in found.groups] == ([] if kind is None else [kind])
    assert found.worse == (kind in ("worse", "dropped support"))
    assert found.same == (kind is None and new is not None)


@pytest.mark.parametrize(("old", "told"), [
    ({"grade": "diverges", "known": "a-record", "hard": 2.0}, "diverges on record → diverges on none"),
    ({"grade": "error"}, "error → diverges"),
])  # fmt: skip
def test_a_wrong_number_that_no_record_covers_any_more_is_news(
    differences: Compare, verdict: MakeVerdict, old: dict[str, Any], told: str
) -> None:
    found = differences([verdict(**old)], [verdict("diverges", hard=1e30, digest="b")])
    assert ([group.grades for group in found.groups], len(found.news)) == ([told], 1)
    assert f"1 {told}, normal" in FORMATS["terminal"](found)


def test_all_kinds_are_met() -> None:
    assert {kind for kind, _, _ in CHANGES} == {*KINDS, None}


def test_what_a_formula_gets_with_support_is_new_support(differences: Compare, verdict: MakeVerdict) -> None:
    quantities = ["output", "grad.x", "hvp.x"]
    judged = [verdict(quantity=name) for name in quantities]
    lacking = [verdict("unsupported")]
    for old, new, kind in ((lacking, judged, "new support"), (judged, lacking, "dropped support")):
        found = differences(old, new)
        assert {group.kind for group in found.groups} == {kind}
        assert sum(len(group.changes) for group in found.groups) == 3


def test_an_output_with_gradients_that_was_the_plain_one_is_held_against_that(
    differences: Compare, verdict: MakeVerdict
) -> None:
    plain, other = verdict(digest="a"), verdict(digest="b", quantity="output.with_grad")
    wrong = verdict("diverges", digest="c", quantity="output.with_grad")
    pairs = [([plain], [plain, other]), ([plain, other], [plain]), ([plain], [plain, wrong])]
    kinds = [[group.kind for group in differences(old, new).groups] for old, new in pairs]
    assert kinds == [["other bits"], ["other bits"], ["worse"]]


def test_only_what_is_in_both_runs_is_the_same(differences: Compare, verdict: MakeVerdict) -> None:
    plain, other = verdict(digest="a"), verdict(digest="b")
    together = verdict(digest="c", quantity="output.with_grad")
    pairs = [([plain], [other, together]), ([plain], [plain, together]), ([plain, together], [plain])]
    assert [differences(old, new).same for old, new in pairs] == [0, 1, 1]


def test_each_drawing_of_a_case_is_held_against_the_same_one(differences: Compare, verdict: MakeVerdict) -> None:
    """As of a hunt, which draws a case by one name many times: the last one alone counted."""
    drawings = [{"salt": "hunt-1-7"}, {"salt": "hunt-1-9"}, {"salt": "hunt-1-9", "layout": "strided"}]
    old = [verdict(digest="a", **drawn) for drawn in drawings]
    new = [verdict("diverges", digest="b", **drawings[0]), *old[1:]]
    found = differences(old, new)
    assert [(group.kind, len(group.changes)) for group in found.groups] == [("worse", 1)]
    assert ([one.verdict.salt for one in found.news], found.same) == (["hunt-1-7"], 2)
    assert differences(old, old).same == 3
    (group,) = json.loads(FORMATS["json"](differences(old, [verdict("diverges", **one) for one in drawings])))["groups"]
    assert [(one["salt"], one["layout"]) for one in group["cases"]] == [
        ("hunt-1-7", ""),
        ("hunt-1-9", ""),
        ("hunt-1-9", "strided"),
    ]
    assert group["worst"].items() > group["cases"][0].items()
    together = verdict(digest="c", quantity="output.with_grad", **drawings[1])
    (change,) = differences(old, [*old, together]).groups[0].changes
    assert change.old == old[1], "the plain output of the same drawing stands for it"


def test_bits_of_other_drawings_are_not_compared(differences: Compare, verdict: MakeVerdict) -> None:
    found = differences([verdict(digest="a", salt="hunt-1-7")], [verdict(digest="b", salt="hunt-2-7")])
    assert {group.kind for group in found.groups} == {"vanished", "appeared"}


def test_a_target_that_is_not_available_any_more_is_no_longer_supported(
    write: Write, environment: Callable[..., Environment], target: Callable[..., TargetLine], verdict: MakeVerdict
) -> None:
    gone = TargetLine("torch:cpu:eager", available=False, reason="no torch")
    here = merge([write(environment(), target(), verdict(), END, name="here.jsonl")])
    absent = merge([write(environment(plan={"targets": ["torch"]}), gone, END, name="absent.jsonl")])
    unasked = merge([write(environment(plan={"targets": ["jax"]}), gone, END, name="unasked.jsonl")])
    pairs = [(here, absent), (absent, here), (here, unasked), (unasked, here)]
    found = [compare(*pair) for pair in pairs]
    assert [(list(one.counts()), one.worse, len(one.news)) for one in found] == [
        (["dropped support"], True, 1),
        (["new support"], False, 0),
        (["vanished"], False, 0),
        (["appeared"], False, 0),
    ]


def test_versions_are_of_the_targets_of_both_runs(
    write: Write, environment: Callable[..., Environment], target: Callable[..., TargetLine], verdict: MakeVerdict
) -> None:
    one, other = (
        merge([write(environment(), target(f"{name}:cpu:eager", versions=versions), END, name=f"{name}.jsonl")])
        for name, versions in (("numpy", {"numpy": "2.1"}), ("torch", {"torch": "2.9", "numpy": "2.3"}))
    )
    found = compare(one, other)
    assert found.versions == {"torch": "none → 2.9", "numpy": "2.1 → 2.3"}
    assert found.cautions == ["no target is in both"]
    assert [compare(one, one).versions, compare(one, one).cautions] == [{}, []]


def test_verdicts_are_told_by_cause(differences: Compare, verdict: MakeVerdict) -> None:
    both = [
        verdict(grade, formula=formula, quantity=quantity, dtype=dtype, dataset=dataset)
        for formula in ("dense", "conv2d")
        for quantity in ("grad.x", "grad.w")
        for dtype in ("float16", "float32")
        for dataset in ("normal", "wide")
        for grade in ("conforms", "diverges")
    ]
    found = differences(both[::2], both[1::2])
    assert [(g.formula, g.quantities, g.dtypes, len(g.changes)) for g in found.groups] == [
        ("dense", ["grad.x", "grad.w"], ("float32", "float16"), 8),
        ("conv2d", ["grad.x", "grad.w"], ("float32", "float16"), 8),
    ]
    lines = FORMATS["terminal"](found).splitlines()
    assert lines[0] == "torch 2.4 → 2.13"
    assert "  dense torch:cpu:eager grad.x, grad.w in f32 f16: 8 conforms → diverges, normal, wide; " in lines[-2]
    assert "| dense | `torch:cpu:eager` | grad.x, grad.w | f32 f16 | 8 conforms → diverges, normal, wide |" in FORMATS[
        "markdown"
    ](found)
    page = FORMATS["html"](found)
    assert page.count("<tr>") == 3
    assert "<td>8 conforms → diverges, normal, wide</td>" in page
    told = json.loads(FORMATS["json"](found))
    assert (told["worse"], told["counts"], len(told["groups"][0]["cases"])) == (True, {"worse": 16, "same": 0}, 8)


def test_other_salts_are_said_and_bits_not_compared(
    differences: Callable[..., Differences], verdict: MakeVerdict
) -> None:
    found = differences([verdict(digest="a")], [verdict(digest="b")], salt="7", cpu="another one")
    assert found.groups == []
    assert found.cautions == [
        "another salt: none → 7; bits are not compared",
        "another processor: a processor → another one",
    ]


def test_other_instructions_of_a_processor_of_one_name_are_said(
    differences: Callable[..., Differences], verdict: MakeVerdict
) -> None:
    runs = [verdict()], [verdict()]
    assert differences(*runs, instructions=["avx2", "fma"]).cautions == []  # the old run tells none
    of_both = "other vector instructions, which decide what kernels run: avx512f → amx_tile"
    found = differences(*runs, before={"instructions": ["avx2", "avx512f"]}, instructions=["amx_tile", "avx2"])
    assert found.cautions == [of_both]


def test_another_way_of_drawing_numbers_is_said_and_bits_not_compared(
    differences: Callable[..., Differences], verdict: MakeVerdict
) -> None:
    found = differences([verdict(digest="a")], [verdict(digest="b")], seeds="another")
    assert found.groups == []
    assert found.cautions == ["another way of drawing numbers: philox → another; bits are not compared"]


@pytest.mark.parametrize("form", FORMATS)
def test_the_command_prints_and_tells_by_its_status(
    write: Write,
    environment: Callable[..., Environment],
    verdict: MakeVerdict,
    form: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    grades = ("conforms", "diverges")
    good, bad = (str(write(environment(), verdict(grade), END, name=f"{grade}.jsonl")) for grade in grades)

    def diff(*arguments: str) -> int | str | None:
        return cli.guarded(lambda: cli.application(["diff", *arguments, "--format", form]))

    assert [diff(good, good), diff(good, bad), diff(bad, good)] == [0, 1, 0]
    assert "worse" in capsys.readouterr().out


def test_what_cannot_be_read_is_a_usage_error(
    tmp_path: Path, write: Write, environment: Callable[..., Environment], verdict: MakeVerdict
) -> None:
    good = str(write(environment(), verdict(), END))
    broken, empty, headless = (tmp_path / f"{name}.jsonl" for name in ("broken", "empty", "headless"))
    broken.write_text("{}\n{}\n", encoding="utf-8")
    empty.touch()
    headless.write_bytes(encode(verdict()))
    for other in map(str, (tmp_path / "none.jsonl", broken, empty, headless)):
        assert cli.guarded(lambda other=other: cli.application(["diff", good, other])) == 2
    assert cli.guarded(lambda: cli.application(["diff", good, good, "--format", "html5"])) == 2


def test_a_fingerprint_stands_for_the_bits() -> None:
    x = np.array([1.0, 0.0, np.nan], np.float32)
    other_nan = x.copy()
    other_nan.view(np.uint32)[2] ^= 1
    negative_zero, next_one = x.copy(), x.copy()
    negative_zero[1], next_one[0] = -0.0, np.nextafter(np.float32(1), np.float32(2))
    assert fingerprint(x) == fingerprint(other_nan)
    different = [x, negative_zero, next_one, x.astype(np.float64), x.reshape(3, 1)]
    assert len({fingerprint(one) for one in different}) == len(different)
    assert fingerprint(None) is None
