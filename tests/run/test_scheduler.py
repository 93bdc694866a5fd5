"""Jobs: nothing is left out, nothing done twice, and a process that dies takes nothing finished with it."""

import re
from collections import Counter
from pathlib import Path

import pytest

from nnparity import checks
from nnparity.command_line import main as cli
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName
from nnparity.reports import merge
from nnparity.reports.records import Verdict, read_run
from nnparity.run.counts import Counts, PartCounts, TotalCounts
from nnparity.run.engines.processes import Processes
from nnparity.run.engines.units import FURTHER, THREADS, TWIN, Unit, sensible, units
from nnparity.run.plan import Plan
from nnparity.run.scheduler import Jobs
from nnparity.spec.selection import CaseGroup

NUMPY = Plan((TargetName("numpy"),), formulas=("relu", "tanh", "softmax"), dtypes=("float32", "float16"))
#: An adapter that kills the process that started it, when it is asked for the second formula.
TRAITOR = """
import os, signal
from nnparity.adapters.numpy import NumpyAdapter

class Traitor(NumpyAdapter):
    backend = "traitor"

    def observe(self, request):
        if request.formula == "tanh":
            os.kill(os.getppid(), signal.SIGKILL)
        return super().observe(request)
"""


def driven(count: int, plan: Plan, path: Path) -> tuple[list[str], TotalCounts]:
    titles, total = [], TotalCounts()
    with Jobs(Processes(count)) as jobs:
        for title, part in jobs.drive(plan, path):
            titles.append(title)
            total.add(part)
    return titles, total


def test_every_group_and_check_of_a_plan_is_in_one_unit() -> None:
    plan = Plan((TargetName("numpy"),))
    parts = [part for unit in units(plan) for part in unit.parts]
    assert Counter(part.id for part in parts if isinstance(part, CaseGroup)) == Counter(g.id for g in plan.groups())
    assert Counter(p.id for p in parts if isinstance(p, checks.Item)) == Counter(i.id for i in checks.items(plan))
    assert len({unit.title for unit in units(plan)}) == len(units(plan))


def test_what_takes_longest_comes_first() -> None:
    long = [unit.long for unit in units(Plan((TargetName("numpy"),)))]
    assert long == sorted(long, reverse=True)
    assert 0 < sum(long) < len(long)


def test_two_jobs_find_what_one_finds(tmp_path: Path) -> None:
    found = []
    for count in (1, 2):
        path = tmp_path / f"{count}.jsonl"
        titles, total = driven(count, NUMPY, path)
        assert Counter(titles) == Counter({"": count} | {unit.title: 1 for unit in units(NUMPY)})
        verdicts = [line for line in read_run(path) if isinstance(line, Verdict)]
        assert total.counts.grades.total() == len(verdicts)
        assert total.summary().counts == dict(Counter(v.grade for v in verdicts))
        assert {"harness", "imports", "frameworks", "expect", "judge"} <= set(total.seconds)
        found.append({(v.case, v.quantity): (v.grade, v.hard, v.sharp) for v in verdicts})
        assert len(found[-1]) == len(verdicts), "nothing twice"
    assert found[0] == found[1]


def test_a_formula_stays_where_it_was_begun_also_under_another_seed(tmp_path: Path) -> None:
    with Jobs(Processes(2)) as jobs:
        list(jobs.drive(NUMPY, tmp_path / "first.jsonl"))
        before = dict(jobs._begun)
        assert set(before) == {*NUMPY.formulas, *NUMPY.dtypes, THREADS, TWIN}
        assert set(before.values()) == {0, 1}
        waiting = {place: Unit(about, about, ()) for place, about in enumerate(before)}
        for job in (0, 1):
            place = jobs._next(waiting, job)
            assert place is not None
            assert before[waiting[place].about] == job
        only = {0: Unit("", next(about for about, job in before.items() if job == 0), ())}
        assert jobs._next(only, 1) == 0, "none is idle while there is work"
        assert jobs._next({}, 1) is None


@pytest.mark.parametrize(("further", "own"), [(THREADS, {"threads"}), (TWIN, {"determinism", "rejects"})])
def test_one_job_has_each_kind_of_further_processes(further: str, own: set[str]) -> None:
    several = [unit for unit in units(NUMPY) if unit.about == further]
    asked = {f"{check}/{formula}" for check in own for formula in NUMPY.formulas}
    assert {unit.title for unit in several} == asked & {item.id for item in checks.items(NUMPY)}
    with Jobs(Processes(2)) as jobs:
        jobs._begun = {further: 0}
        waiting = dict(enumerate([*several, Unit("tanh/float32", "tanh", ())]))
        assert [waiting[jobs._next(waiting, job)].about for job in (0, 1)] == [further, "tanh"]


def test_further_processes_are_started_early() -> None:
    early = [unit.about in FURTHER.values() for unit in units(NUMPY)]
    assert early == sorted(early, reverse=True)
    assert set(early) == {True, False}


def test_the_checks_of_a_formula_go_to_the_job_that_has_its_programs() -> None:
    with Jobs(Processes(2)) as jobs:
        jobs._begun = {"relu": 0}
        waiting = {0: Unit("specials/relu", "relu", ()), 1: Unit("tanh/float32", "tanh", ())}
        assert [jobs._next(waiting, job) for job in (0, 1)] == [0, 1]


@pytest.mark.parametrize("count", [1, 2])
def test_a_target_that_cannot_be_had_is_told(count: int, tmp_path: Path) -> None:
    plan = Plan((TargetName("numpy", "cuda"),), formulas=("relu",))
    with pytest.raises(TargetUnavailable, match="numpy has no cuda here"):
        driven(count, plan, tmp_path / "run.jsonl")


def test_a_small_plan_is_done_here() -> None:
    assert sensible(4, Plan((TargetName("numpy"),), formulas=("relu",), dtypes=("float32",))) == 1
    assert sensible(4, Plan((TargetName("numpy"),))) == 4
    assert sensible(1, Plan((TargetName("numpy"),))) == 1


def test_a_job_that_dies_leaves_what_it_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traitor.py").write_text(TRAITOR)
    many = [option for id in ("relu", "tanh", "softmax", "sigmoid", "dense", "mse") for option in ("--formula", id)]
    command = ["run", "--backend", "traitor.py:Traitor", "--jobs", "2", *many]
    assert cli.guarded(lambda: cli.application(command)) == cli.INTERNAL
    told = capsys.readouterr().err
    assert re.search(r"nnparity: the process that worked on (threads/|rejects/)?tanh\b", told)
    assert "reports/out/parity.jsonl has what was finished" in told
    assert merge(["reports/out/parity.jsonl"]).verdicts


def test_a_record_is_stale_when_no_job_found_that_it_holds() -> None:
    total = TotalCounts()
    for ran, held in (({"a", "b"}, {"a"}), ({"a", "b", "c"}, {"c"})):
        total.add(PartCounts(Counts(), {"harness": 1.0}, set(ran), set(held)))
    assert total.summary().stale == ["b"]
    assert total.seconds == {"harness": 2.0}


def test_compiled_programs_of_all_jobs_add_up() -> None:
    total = TotalCounts()
    for programs in ({"compiled": 3}, {"compiled": 1, "from the cache": 2}):
        total.add(
            PartCounts(
                Counts(), {}, set(), set(), {"jax:cpu:compiled": Counter(programs), "torch:cpu:eager": Counter()}
            )
        )
    assert total.summary().programs == {"jax:cpu:compiled": {"compiled": 4, "from the cache": 2}}
