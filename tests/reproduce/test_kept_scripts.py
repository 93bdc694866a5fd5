"""Scripts that are kept: of the same verdicts, code and versions none is made again, of any others each is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nnparity.reference import packs
from nnparity.reports.records import ScriptLine, Verdict
from nnparity.reproduce.kept_scripts import known, made_once
from nnparity.store import memory
from nnparity.tests.judge.verdicts import verdict

MODERN = Path(__file__).parents[2] / "packs" / "modern"
CAUSE = [verdict(case="gelu/n3d5/normal/float32", target="torch:cpu:eager", quantity="output", hard=2.0)]
VERSIONS = {"torch": "2.13"}
SCRIPT = ScriptLine(CAUSE[0].case, CAUSE[0].target, "output", "import torch\n")


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> Iterator[None]:
    memory.use(tmp_path)
    yield
    memory.leave()


@dataclass
class Making:
    """Makes a script, and counts."""

    line: ScriptLine = SCRIPT
    lasts: bool = True
    calls: list[str] = field(default_factory=list)

    def __call__(self, cause: list[Verdict] = CAUSE, salt: str = "", versions: dict[str, str] = VERSIONS) -> ScriptLine:
        return made_once(cause, salt, versions, self._make, lambda _: self.lasts)

    def _make(self) -> ScriptLine:
        self.calls.append("made")
        return self.line


def test_it_is_made_once() -> None:
    make = Making()
    assert known(CAUSE, "", VERSIONS) is None
    assert make() == make() == known(CAUSE, "", VERSIONS) == SCRIPT
    assert len(make.calls) == 1


@pytest.mark.parametrize("other", [{"seconds": 9.0}, {"message": "answers float32 (2, 3): 1.8e+20, 0, -2160"}])
def test_the_seconds_that_a_case_took_and_what_was_said_of_it_make_no_difference(other: dict[str, Any]) -> None:
    make = Making()
    make()
    assert known([msgspec.structs.replace(CAUSE[0], **other)], "", VERSIONS) == SCRIPT


OTHERS: dict[str, Callable[[Making], ScriptLine]] = {
    "what was observed": lambda make: make([msgspec.structs.replace(CAUSE[0], hard=2.5)]),
    "another verdict of the cause": lambda make: make([*CAUSE, verdict(case="gelu/n4d257/normal/float32")]),
    "its record": lambda make: make([msgspec.structs.replace(CAUSE[0], known="torch-gelu")]),
    "the salt": lambda make: make(salt="soak-1"),
    "the framework's version": lambda make: make(versions={"torch": "2.14"}),
}


@pytest.mark.parametrize("other", list(OTHERS))
def test_of_anything_else_it_is_made_again(other: str) -> None:
    make = Making()
    make()
    OTHERS[other](make)
    assert len(make.calls) == 2


def test_what_does_not_last_is_not_kept() -> None:
    make = Making(ScriptLine(CAUSE[0].case, CAUSE[0].target, "output", "", "TargetUnavailable"), lasts=False)
    assert make() == make() == make.line
    assert len(make.calls) == 2
    assert known(CAUSE, "", VERSIONS) is None


def test_beside_a_pack_none_is_kept() -> None:
    """Its code is in no digest of ours."""
    make, pack = Making(), packs.take(MODERN)
    try:
        make()
        make()
    finally:
        packs.drop(pack)
    assert len(make.calls) == 2
    assert known(CAUSE, "", VERSIONS) is None


def test_without_a_store_it_is_made_each_time() -> None:
    memory.leave()
    make = Making()
    assert make() == make() == SCRIPT
    assert len(make.calls) == 2
    assert known(CAUSE, "", VERSIONS) is None
