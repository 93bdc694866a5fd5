"""The format of a run file: what is written is read, and what is broken is said to be, and where."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nnparity.reports.records import Fact, Kernel, KnownLine, Summary, Worst, encode, number, read_run


def test_each_kind_of_line_comes_back(write: Any, environment: Any, formula: Any, target: Any, verdict: Any) -> None:
    lines = [
        environment(),
        formula(errata=[{"says": "a", "why": "b", "means": "c"}], variants={"flip": "kernel not flipped"}),
        target(kernels={"conv2d": Kernel("jnp.dot", composed=True, because="none of its own", convention="(out, in)")}),
        verdict("diverges", hard="inf", sharp="nan", worst=Worst([0, 1], "nan", 0.5), message="变体 <b>\n|"),
        KnownLine("r", "special value", "why", "not reported", {"torch": "<3"}, {"hard": "2"}, {"formula": ["a*"]}),
        Fact("special values", "log(0)", "torch", "-inf"),
        Summary({"diverges": 1}, 0, ["old"], {"judge": 0.5}),
    ]
    assert list(read_run(write(*lines))) == lines


def test_a_line_says_its_kind_and_its_grade_in_plain_json(verdict: Any) -> None:
    raw = msgspec.json.decode(encode(verdict("timed out", case="c")))
    assert (raw["kind"], raw["case"], raw["grade"], raw["worst"]) == ("verdict", "c", "timed out", None)


@pytest.mark.parametrize(("value", "said"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (0.5, 0.5)])
def test_numbers_that_json_cannot_hold_are_named(value: float, said: object) -> None:
    assert number(value) == said


def test_a_kill_at_any_byte_of_the_last_line_loses_that_line_only(
    tmp_path: Path, environment: Any, verdict: Any
) -> None:
    first = encode(environment())
    last = encode(verdict("diverges", hard=1.5, message='核 \\ "', worst=Worst([1], -2e-3, "nan")))
    path = tmp_path / "killed.jsonl"
    for end in range(len(last) - 1):
        path.write_bytes(first + last[:end])
        assert list(read_run(path)) == [environment()], end


@pytest.mark.parametrize("newline", ["", "\n"])
def test_a_wrong_field_is_named_with_file_and_line(tmp_path: Path, verdict: Any, newline: str) -> None:
    wrong = msgspec.json.decode(encode(verdict())) | {"dtype": 32}
    path = tmp_path / "bad.jsonl"
    path.write_bytes(encode(verdict()) + msgspec.json.encode(wrong) + newline.encode())
    with pytest.raises(ValueError, match=r"bad\.jsonl:2: .*dtype"):
        list(read_run(path))


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('\n{"kind": "verdict", "case": "c"}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:2: .*formula"):
        list(read_run(path))


def test_broken_json_is_an_error_anywhere_but_at_the_end(tmp_path: Path, environment: Any) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"kind": "verd\n' + encode(environment()))
    with pytest.raises(ValueError, match=r"bad\.jsonl:1: "):
        list(read_run(path))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"grade": "splendid"}, "grade"),
        ({"grade": "conforms\n"}, "grade"),
        ({"hard": "much"}, "hard"),
        ({"hard": "nan\n"}, "hard"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": 1e300}, "seconds"),
        ({"worst": {"index": [-1], "observed": 1, "expected": 1}}, "index"),
        ({"worst": {"index": [10**30], "observed": 1, "expected": 1}}, "index"),
    ],
)
def test_a_value_that_no_run_writes_is_named(tmp_path: Path, verdict: Any, changes: Any, told: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(encode(verdict())) | changes) + b"\n")
    with pytest.raises(ValueError, match=rf"bad\.jsonl:1: .*{told}"):
        list(read_run(path))


@pytest.mark.parametrize("series", ["observed", "expected", "sharp"])
def test_series_of_unequal_length_are_refused(tmp_path: Path, series: str) -> None:
    numbers = {"observed": [1.0, 2.0], "expected": [1.0, 2.0], "sharp": [0.1, 0.1]}
    fields = {"case": "c", "formula": "f", "signature": "s", "dtype": "float32", "target": "t", "series": "losses"}
    whole = fields | numbers | {"kind": "curve", "judged": 2, "foreseen": 0.5}
    path = tmp_path / "bad.jsonl"
    path.write_bytes(msgspec.json.encode(whole))
    assert len(list(read_run(path))) == 1
    for wrong in ({series: [1.0]}, {"judged": 3}):
        path.write_bytes(msgspec.json.encode(whole | wrong))
        with pytest.raises(ValueError, match=r"bad\.jsonl:1: series of unequal length"):
            list(read_run(path))


@pytest.mark.parametrize(
    "line", [b'{"kind":"seal","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", b'{"kind":"\xff"}', b'"\xed\xa0\x80"']
)
def test_what_is_nested_too_deep_or_no_text_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(ValueError, match=r"bad\.jsonl:1: "):
        list(read_run(path))
