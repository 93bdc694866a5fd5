"""The page of a target: facts grouped by what they say, what it has not, the certificate and its digest."""

import re
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import merge, render
from nnparity.reports.chain import Chain, sealed, state
from nnparity.reports.records import Fact, encode
from nnparity.reports.targets.portrait import facts_of
from nnparity.tests.reports.conftest import unpacked

TARGET = "torch:cpu:eager"


def test_facts_that_say_alike_are_told_once_and_counts_by_formula_are_not_told() -> None:
    facts = [
        Fact("determinism", "relu", TARGET, "again: the same bits"),
        Fact("determinism", "tanh", TARGET, "again: the same bits"),
        Fact("determinism", "tanh", "torch:cpu:eager+tf32", "again: other bits"),
        Fact("precision model", "relu", f"{TARGET} float16", "accumulate-wide; 1 of 4 also fused-wide"),
        Fact("precision model", "tanh", f"{TARGET} float16", "accumulate-wide; 2 of 9 also fused-wide"),
        Fact("special values", "tanh", TARGET, "nan: as the formula says"),
        Fact("the primer, entry by entry", "1 x", TARGET, "conforms"),
    ]
    assert facts_of(facts, TARGET) == {
        ("determinism", ""): {"again: the same bits": ["relu", "tanh"]},
        ("precision model", "float16"): {"accumulate-wide": ["relu", "tanh"]},
    }


@pytest.fixture
def run(environment: Any, formula: Any, target: Any, verdict: Any) -> list[Any]:
    return [
        environment(),
        formula(),
        formula("softmax"),
        target(properties={"subnormals float32": "kept"}, unsupported={"softmax": "no such kernel"}),
        verdict(hard=0.25, sharp=0.5),
        verdict("diverges", quantity="grad.x", hard=7.0),
        verdict("inconclusive", quantity="jvp"),
    ]


def certificate(path: Path, folder: Path) -> str:
    html = unpacked(next(one for one in render(merge([path]), folder) if one.suffix == ".html").read_text("utf-8"))
    (found,) = re.findall(r'<article class="certificate".*?</article>', html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r'<span class="zh".*?</span>|<[^>]+>', " ", found)).replace(" ,", ",")


def test_the_certificate_says_what_was_measured(run: list[Any], write: Any, tmp_path: Path) -> None:
    told = certificate(write(*run), tmp_path / "out")
    for said in (TARGET, "torch 2.9", "a processor, 2 cores; Linux", "2025-01-01T00:00:00+00:00", "spec digest cafe"):
        assert said in told, said
    assert "1 conforms, 1 inconclusive, 1 diverges" in told
    assert "core float32 1 / 2 0 1 0 0 0.250 0.500" in told
    assert "✗ wrong result 1" in told
    assert "digest none: the run file is merged, or was not finished" in told


def test_it_carries_the_digest_that_verify_looks_at(run: list[Any], tmp_path: Path) -> None:
    path, chain = tmp_path / "parity.jsonl", Chain()
    path.write_bytes(b"".join(chain.linked(encode(line)) for line in run))
    assert state(path).seal == ""
    digest = sealed(path)
    assert state(path).seal == digest
    told = certificate(path, tmp_path / "out")
    assert f"digest {digest} of the last line of parity.jsonl; nnparity verify parity.jsonl" in told
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / path.name
    other.write_bytes(path.read_bytes())
    assert len(merge([path, other]).seals) == 2, "files of one name are told apart"
    path.write_bytes(path.read_bytes() + chain.linked(encode(run[-1])))
    assert state(path).seal == "", "what follows the seal was added"
    assert merge([path], damaged=True).seals == {}
    with pytest.raises(ValueError, match="is not as it was written"):
        merge([path])
