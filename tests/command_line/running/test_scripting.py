"""Scripts at the end of a run: made in several processes they are those that one process makes."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.command_line.running.scripting import scripted
from nnparity.reference import packs
from nnparity.reports import MergedRun
from nnparity.reports.records import ScriptLine, TargetLine, Verdict
from nnparity.reproduce import scripts
from nnparity.store import memory
from nnparity.store.location import BOUND_VARIABLE
from nnparity.store.memory import COMPUTED
from nnparity.tests.judge.verdicts import verdict

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
HOLDS, OF_A_PACK = "attention/b2t3s5d8e8/nan/float32", "silu/n3d5/normal/float32"
MODERN = Path(__file__).parents[3] / "packs" / "modern"


def line(case: str, target: str) -> Verdict:
    formula, signature, dataset, dtype = case.split("/")
    names = {"formula": formula, "signature": signature, "dataset": dataset, "dtype": dtype}
    return verdict(case=case, target=target, quantity="output", **names)


def made(jobs: int, store: Path | None = None, other: str = HOLDS) -> list[ScriptLine]:
    run = MergedRun(verdicts=[line(HOLDS, "torch:cpu:eager"), line(other, "numpy:cpu:eager")])
    return sorted(scripted(120.0, store, jobs=jobs)(run), key=lambda one: one.target, reverse=True)


def test_several_processes_make_the_same_scripts_also_of_a_packs_formulas() -> None:
    pack = packs.take(MODERN)
    try:
        at_once, in_turn = made(2, other=OF_A_PACK), made(1, other=OF_A_PACK)
    finally:
        packs.drop(pack)
    assert at_once == in_turn
    assert [bool(one.text) for one in at_once] == [True, False]
    assert "numpy is no framework's adapter" in at_once[1].why


def test_what_a_process_that_ended_has_not_made_is_told_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BOUND_VARIABLE, "none")  # which a new process refuses
    found = made(2, tmp_path)
    assert [(one.case, one.text) for one in found] == [(HOLDS, "")] * 2
    assert all("BrokenProcessPool" in one.why for one in found)


def test_what_several_processes_count_of_the_store_is_told_by_the_one_that_began_them(tmp_path: Path) -> None:
    with memory.using(tmp_path) as counted:
        made(2, tmp_path)
    assert counted.results["scripts"][COMPUTED] == 1, "the other one does not last"


def test_a_second_run_starts_no_target_for_scripts_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = TargetLine("torch:cpu:eager", available=True, versions={"torch": version("torch")})
    run = MergedRun(verdicts=[line(HOLDS, "torch:cpu:eager")], targets={torch.target: torch})
    first = list(scripted(120.0, tmp_path)(run))
    assert first[0].text
    monkeypatch.setattr(scripts, "begun", lambda *_: pytest.fail("a target is started"))
    assert list(scripted(120.0, tmp_path)(run)) == first
