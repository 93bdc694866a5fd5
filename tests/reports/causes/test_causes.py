"""Causes: what fails alike is one, the worst class comes first, and an example shows numbers of one element."""

from pathlib import Path
from typing import Any, get_args

import pytest

from nnparity.command_line import main as cli
from nnparity.command_line.running.terminal_summary import failing
from nnparity.judge.recorded_expectations import Class
from nnparity.reports import merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.causes import anchored, causes_of
from nnparity.reports.causes.classes import CLASSES, FINE, MEANINGS, RECORDED, SIGNS, supposed
from nnparity.reports.causes.commands import reproduction
from nnparity.reports.causes.worst import element_ulp
from nnparity.reports.records import GRADES, ONCE_MORE, PASSING, KnownLine, Worst
from nnparity.reports.render.markdown import markdown
from nnparity.reports.render.summary import summary
from nnparity.spec import load

#: What it returns went through float16.
NARROW = """
from nnparity.adapters.numpy import NumpyAdapter

class Narrow(NumpyAdapter):
    backend = "narrow"

    def observe(self, request):
        found = super().observe(request)
        return {name: y.astype("float16").astype(y.dtype) for name, y in found.items()}
"""


def test_the_classes_are_those_of_the_records_each_with_a_sign_of_its_own() -> None:
    assert get_args(Class) == RECORDED
    assert set(SIGNS) == set(MEANINGS) == {*CLASSES, *FINE}
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_new_verdicts_that_fail_alike_are_one_cause(verdict: Any, write: Any) -> None:
    alike = [verdict("diverges", signature=f"n{n}", target=f"torch:cpu:{mode}") for n in range(3) for mode in "ab"]
    others = [
        verdict("diverges", formula="other"),
        verdict("diverges", target="jax:cpu:eager"),
        verdict("imprecise", signature="n8"),
        verdict("diverges", diagnosis="zeros", signature="n9"),
    ]
    alike.append(verdict("diverges", quantity="grad.x"))
    found = causes_of(merge([write(*alike, *others)]))
    assert sorted(len(cause.verdicts) for cause in found) == [1, 1, 1, 1, 7]
    assert all(cause.new for cause in found)


def test_an_answer_of_another_form_is_a_cause_of_its_own(verdict: Any, write: Any) -> None:
    """Wrong numbers do not hide it; in what numbers its form is another makes none, nor what was asked once more."""
    nan = [
        verdict("diverges", hard="inf", message=f"{n} of 9 elements have a wrong NaN", signature=f"c{n}") for n in "23"
    ]
    narrow = verdict("diverges", message="returned float32, expected bfloat16", dtype="bfloat16")
    again = verdict("diverges", message=f"{narrow.message}; {ONCE_MORE}other bits", dtype="bfloat16", signature="n8")
    shapes = [
        verdict("diverges", message=f"returned shape {one}, expected (7,)", signature=f"n{n}")
        for n, one in enumerate(("()", "(1,)", "(3, 4)"))
    ]
    accepted = [
        verdict("diverges", dataset="rejects: integers", message=f"answers {name} (3,): 1", dtype=name)
        for name in ("float32", "float64")
    ]
    found = causes_of(merge([write(*nan, narrow, again, *shapes, *accepted)]))
    assert sorted(len(cause.verdicts) for cause in found) == [2, 2, 2, 3]
    (own,) = (cause for cause in found if narrow.message in (one.message for one in cause.verdicts))
    assert "returned float32, expected bfloat16" in own.reason


def test_what_is_said_of_several_quantities_is_said_once(verdict: Any, write: Any) -> None:
    """As surely as of any of them, in the title, which names three; a pattern in another place is no other one."""
    names = [f"grad.{name}" for name in "abcde"]
    known = [verdict("imprecise", quantity="hvp.a", diagnosis="likely: kernel not flipped")]
    known += [verdict("diverges", quantity=name, diagnosis="kernel not flipped; or: zeros") for name in names]
    tails = [verdict("diverges", signature=f"n{n}", diagnosis=f"unknown: a tail: from index {n} on") for n in (8, 9)]
    first, other = causes_of(merge([write(*known, *tails)]))
    assert first.title == "conv2d hvp.a, grad.a, grad.b and 3 more on torch:*: kernel not flipped; or: zeros"
    assert [len(first.verdicts), len(other.verdicts)] == [6, 2]


def test_errors_are_told_apart_by_what_was_raised(verdict: Any, write: Any) -> None:
    raised = [("jvp", "TypeError: a"), ("hvp.x", "TypeError: b"), ("output", "MemoryError: c")]
    found = causes_of(merge([write(*(verdict("error", quantity=one, message=two) for one, two in raised))]))
    assert sorted(len(one.verdicts) for one in found) == [1, 2]


def test_how_many_elements_of_how_many_are_wrong_makes_no_cause_of_its_own(verdict: Any, write: Any) -> None:
    said = "unknown: {} elements have a wrong NaN or infinity"
    alike = [verdict("diverges", signature=f"n{n}", diagnosis=said.format(f"{n} of {n * n}")) for n in range(2, 5)]
    other = verdict("diverges", diagnosis=said.format("2 of 4 and 3"))
    found = causes_of(merge([write(*alike, other)]))
    assert [len(cause.verdicts) for cause in found] == [3, 1]
    assert found[0].title.endswith(said.format("2 of 4"))


def test_one_record_is_one_cause_whatever_fails(verdict: Any, write: Any) -> None:
    line = KnownLine("r", "special value", "why", "not reported", {"torch": "<3"})
    verdicts = [verdict("diverges", formula=name, quantity=quantity, known="r") for name in "ab" for quantity in "cd"]
    (cause,) = causes_of(merge([write(*verdicts, line)]))
    assert [cause.new, cause.kind, cause.reason, cause.versions] == [False, "special value", "why", "torch <3"]
    assert [len(cause.verdicts), list(cause.cells)] == [4, [(name, "torch:cpu:eager") for name in "ab"]]


def test_a_file_from_before_there_were_lines_of_records_is_read(verdict: Any, write: Any) -> None:
    answer = Aggregate(merge([write(verdict("diverges", known="old"))])).answer
    assert answer.told == "Nothing new. 1 known cause; the run file does not tell of which class."


def test_what_is_new_comes_first_then_the_worst_class(verdict: Any, write: Any) -> None:
    lines = [KnownLine(f"r{number}", kind, "why") for number, kind in enumerate(RECORDED)]
    verdicts = [verdict("diverges", known=line.id, signature=line.id) for line in reversed(lines)]
    found = causes_of(merge([write(*verdicts, verdict("imprecise"), verdict("diverges", formula="g"), *lines)]))
    assert [cause.kind for cause in found] == ["wrong result", "reduced precision", *RECORDED]
    assert [cause.new for cause in found[:3]] == [True, True, False]


@pytest.mark.parametrize("grade", [grade for grade in GRADES if grade not in PASSING])
def test_whatever_fails_has_a_class(grade: str, verdict: Any) -> None:
    assert supposed(verdict(grade)) in CLASSES


def test_a_new_cause_has_the_worst_class_of_its_verdicts(verdict: Any, write: Any) -> None:
    edges = ("infinity in others", "normal")
    edge, plain = (verdict("diverges", dataset=name, diagnosis="kernel not flipped") for name in edges)
    assert [supposed(edge), supposed(plain)] == ["special value", "wrong result"]
    (cause,) = causes_of(merge([write(edge, plain)]))
    assert cause.kind == "wrong result"


@pytest.mark.parametrize(
    ("diagnosis", "kind"),
    [
        ("likely: as accurate as a computation in float16", "reduced precision"),
        ("accumulates in bfloat16", "reduced precision"),
        (
            "float32 inputs rounded to 10-bit mantissas: TF32; or: float32 inputs rounded to float16",
            "reduced precision",
        ),
        ("the result was rounded to float32", "reduced precision"),
        ("accumulates in bfloat16; or: the expected result times 2", "wrong result"),
        ("computes cross-correlation: kernel not flipped", "wrong result"),
        (
            "unknown: small results alone have lost digits: no error is more than a rounding of the largest",
            "wrong result",
        ),
        ("unknown: rounded to nothing that is known", "wrong result"),
        (None, "wrong result"),
    ],
)
def test_bits_that_are_missing_by_the_diagnosis_are_no_wrong_result(
    diagnosis: str | None, kind: str, verdict: Any, write: Any
) -> None:
    one = verdict("diverges", diagnosis=diagnosis)
    assert supposed(one) == kind
    (cause,) = causes_of(merge([write(one)]))
    assert cause.told_class == f"{SIGNS[kind]} {kind} (supposed)"


def test_a_diagnosis_changes_no_other_class(verdict: Any) -> None:
    told = "as accurate as a computation in float16"
    assert supposed(verdict("diverges", dataset="infinity in others", diagnosis=told)) == "special value"
    assert supposed(verdict("diverges", dataset="rejects: integers", diagnosis=told)) == "input not rejected"
    assert supposed(verdict("crashed", diagnosis=told)) == "no answer"


def test_no_wrong_reading_is_called_as_missing_bits_are(verdict: Any) -> None:
    says = [variant.says for formula in load().values() for variant in formula.variants.values()]
    assert len(says) > 100
    assert [one for one in says if verdict("diverges", diagnosis=one).narrower] == []


def test_the_class_of_a_record_is_not_supposed(verdict: Any, write: Any) -> None:
    line = KnownLine("r", "special value", "why")
    (cause,) = causes_of(merge([write(verdict("diverges", known="r"), line)]))
    assert cause.told_class == "∞ special value"


def test_every_text_says_that_the_class_of_a_new_cause_is_supposed(verdict: Any, write: Any, report: Any) -> None:
    one = verdict("diverges", diagnosis="accumulates in bfloat16")
    aggregate = Aggregate(merge([write(one)]))
    (terminal,) = (line for line in failing(aggregate) if "≈" in line)
    assert terminal.startswith(
        "  ≈ reduced precision (supposed): conv2d output on torch:*: accumulates in bfloat16 (1 "
    )
    for text in (markdown(aggregate), summary(aggregate)):
        title = "`conv2d output on torch:*: accumulates in bfloat16`"
        assert f"### **on no record** ≈ reduced precision (supposed): {title}" in text
        assert "| causes on no record | 1 reduced precision (classes are supposed) |" in text
        assert "**bold** is on no record, of a class that is supposed" in text
    assert "on no record; supposed from grade, dataset and diagnosis" in report(one).html


def test_a_sigmoid_through_float16_is_supposed_to_be_of_reduced_precision_and_fails_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("faulty.py").write_text(NARROW)
    words = ["run", "--backend", "faulty.py:Narrow", "--case", "sigmoid/n3d5/normal/float64", "--no-scripts"]
    assert cli.guarded(lambda: cli.application([*words, "--no-store"])) == 1
    lines = capsys.readouterr().err.splitlines()
    told = " ".join(" ".join(lines).split())
    assert "≈ reduced precision (supposed): sigmoid output, " in told
    assert "wrong result" not in told
    assert lines[-1].startswith("FAIL: ")


def test_no_class_makes_what_is_new_pass(verdict: Any, write: Any) -> None:
    """What fails a run is that something is on no record, of whatever class it seems to be."""
    told = [verdict("diverges", diagnosis=one) for one in ("accumulates in bfloat16", "kernel not flipped")]
    for one in told:
        aggregate = Aggregate(merge([write(one)]))
        assert (aggregate.standing, len(aggregate.answer.new), aggregate.answer.unrecorded) == ("bad", 1, 1)


def test_the_command_can_be_typed_and_has_the_salt(verdict: Any, environment: Any, write: Any) -> None:
    one = verdict("diverges", dataset="nan in others")
    run = merge([write(environment(salt="7"), one)])
    expected = "nnparity reproduce --salt 7 'conv2d/n2c3/nan in others/float32' torch:cpu:eager output"
    assert reproduction(run, one) == expected


@pytest.mark.parametrize(
    ("dtype", "observed", "expected", "ulp"),
    [
        ("float32", 1 + 2.0**-23, 1.0, 1.0),
        ("float32", 1 - 2.0**-23, 1.0, 1.0),
        ("float64", 3.0, 2.0, 2.0**51),
        ("float16", 2.0**-24, 0.0, 1.0),
        ("bfloat16", 2.0**-133, 0.0, 1.0),
        ("bfloat16", 257.0, 256.0, 0.5),
        ("float32", "nan", 1.0, None),
        ("int8", 1.0, 2.0, None),
    ],
)
def test_the_ulp_is_that_of_the_worst_element(
    dtype: str, observed: Any, expected: float, ulp: float | None, verdict: Any
) -> None:
    assert element_ulp(verdict("diverges", dtype=dtype, ulp=1e9, worst=Worst([0], observed, expected))) == ulp


def test_no_two_names_share_an_anchor() -> None:
    names = ["a:b", "a b", "a|b", "<a>", "\u202ea", ""]
    assert len({anchored("cause", name) for name in names}) == len(names)
