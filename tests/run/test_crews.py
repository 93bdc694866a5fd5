"""Jobs with targets of their own: how these are dealt out, in which order their units come, and who helps whom."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.command_line.running.placement import PROCESSES, placed
from nnparity.execute.target import TargetName
from nnparity.reports import merge
from nnparity.reports.records import Finished, Verdict, read_run
from nnparity.run.engines.engine import Done, Engine
from nnparity.run.engines.processes import Processes
from nnparity.run.engines.units import FURTHER, WORTH, Crew, dealt, of_crew, turned, units
from nnparity.run.plan import Plan
from nnparity.run.scheduler import Jobs
from nnparity.store.location import VARIABLE
from nnparity.tests.run.test_engines import Pretended

TORCH, COMPILED, JAX, KERAS = (TargetName.of(text) for text in ("torch", "torch:cpu:compiled", "jax", "keras-torch"))
NUMPY = TargetName("numpy")
#: An adapter of one's own beside NumPy's, which costs no import.
MINE = """
from nnparity.adapters.numpy import NumpyAdapter

class Mine(NumpyAdapter):
    backend = "mine"
"""


def test_the_targets_of_a_backend_stay_together_and_a_single_backend_is_not_dealt_out() -> None:
    assert dealt((TORCH, JAX, COMPILED, KERAS), 2) == [(TORCH, COMPILED, KERAS), (JAX,)]
    assert dealt((TORCH, JAX, COMPILED, KERAS), 4) == [(TORCH, COMPILED), (JAX,), (KERAS,)]
    assert dealt((TORCH, COMPILED), 2) == [()]
    assert dealt((TORCH, JAX), 1) == [()]


def test_a_run_that_was_begun_keeps_its_crews_whatever_jobs_it_has_now() -> None:
    first = of_crew(units(Plan((TORCH, JAX), formulas=("relu",))), (TORCH, COMPILED))[0].title
    assert dealt((TORCH, JAX, COMPILED, KERAS), 4, [first]) == [(TORCH, COMPILED), (JAX, KERAS)]
    assert dealt((TORCH, JAX), 2, ["relu/float32"]) == [()], "as it was begun: by formulas"
    assert dealt((TORCH, JAX), 2, [f"relu/float32 on {JAX}", f"relu/float32 on {TORCH}"]) == [(JAX,), (TORCH,)]


def test_each_crew_begins_elsewhere_and_what_comes_early_stays_early() -> None:
    found = units(Plan((NUMPY,)))
    for share in (0.0, 0.5):
        order = turned(found, share)
        assert [found[place] for place in order] == list(order.values())
        assert sorted(order) == list(range(len(found)))
        kinds = [(not one.long, one.about not in FURTHER.values()) for one in order.values()]
        assert kinds == sorted(kinds)
    firsts = [next(iter(turned(found, share))) for share in (0.0, 0.5)]
    assert firsts == [0, sum(one.long for one in found) // 2]
    own = of_crew(found, (TORCH,))
    assert list(turned(own, 0.5)) == list(turned(found, 0.5)), "whatever their titles"


class Helpful(Pretended):
    """Jobs that help each other; they tell for whom."""

    helpful = True

    def examine(self, job: int, place: int, crew: Crew) -> "Future[Done]":
        self.helped = [*getattr(self, "helped", []), *([(job, crew)] if crew != self.crews[job] else [])]
        return super().examine(job, place, crew)


def left_for_the_second(engine: Engine, plan: Plan, path: Path, left: int) -> Iterator[str]:
    """Drives a plan of which the first crew's units are all done, and all but so many of the second's."""
    first, second = (of_crew(units(plan), crew) for crew in engine.crews)
    done = {unit.title for unit in [*first, *second[left:]]}
    with Jobs(engine) as jobs:
        yield from (title for title, _ in jobs.drive(plan, path, done) if title)


@pytest.mark.parametrize("left", [3 * WORTH, 2 * WORTH - 1])  # the other may have taken some before it looks
def test_a_job_without_units_helps_where_enough_is_left_to_start_further_targets(left: int, tmp_path: Path) -> None:
    engine, plan = Helpful((TORCH,), (JAX,)), Plan((TORCH, JAX))
    titles = list(left_for_the_second(engine, plan, tmp_path / "run.jsonl", left))
    assert Counter(titles) == Counter(unit.title for unit in of_crew(units(plan), (JAX,))[:left])
    helped = getattr(engine, "helped", [])
    assert bool(helped) == (left >= 2 * WORTH)
    assert set(helped) <= {(0, (JAX,))}
    assert not engine.replaced, "a process that has nothing to do is not given up"


def test_a_job_that_cannot_help_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    engine, plan = Pretended((TORCH,), (JAX,)), Plan((TORCH, JAX))
    titles = list(left_for_the_second(engine, plan, tmp_path / "run.jsonl", 2 * WORTH))
    assert len(titles) == 2 * WORTH
    assert {job for job, _ in engine.told} == {1}


def test_processes_have_targets_of_their_own_only_where_they_share_a_store(tmp_path: Path) -> None:
    plan = Plan((NUMPY, TORCH))
    for store, crews in ((tmp_path, ((NUMPY,), (TORCH,))), (None, ((), ()))):
        engine = placed(PROCESSES, plan, 2, 120.0, store, tmp_path / "scratch")
        assert engine.crews == crews
        engine.close(now=False)
    assert Processes(1, crews=((NUMPY,), (TORCH,))).crews == ((NUMPY,), (TORCH,)), "a job for each"


@pytest.fixture(scope="module")
def plan_and_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], Path]]:
    """The words of a run of two targets, of which one is of a file, and its run file; with a store."""
    folder = tmp_path_factory.mktemp("crews")
    (folder / "mine.py").write_text(MINE)
    words = ["run", "--backend", "numpy", "--backend", f"{folder / 'mine.py'}:Mine", "--level", "quick"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder / "store"))
        assert cli.guarded(lambda: cli.application([*words, "--jobs", "2", "--out", str(folder / "out")])) == 0
        yield words, folder / "out" / "parity.jsonl"


def judged(path: Path) -> dict[tuple[str, str, str], tuple[object, ...]]:
    return {(one.case, one.target, one.quantity): (one.grade, one.hard, one.digest) for one in merge([path]).verdicts}


def test_jobs_with_targets_of_their_own_find_what_one_job_finds(
    plan_and_file: tuple[list[str], Path], tmp_path: Path
) -> None:
    words, path = plan_and_file
    crews = {line.unit.partition(" on ")[2] for line in read_run(path) if isinstance(line, Finished)}
    assert len(crews) == 2
    assert cli.guarded(lambda: cli.application([*words, "--jobs", "1", "--out", str(tmp_path)])) == 0
    assert judged(path) == judged(tmp_path / "parity.jsonl")
    assert sum(isinstance(line, Verdict) for line in read_run(path)) == len(judged(path)), "nothing twice"


def test_such_a_run_is_gone_on_with_by_any_number_of_jobs(
    plan_and_file: tuple[list[str], Path], tmp_path: Path
) -> None:
    words, path = plan_and_file
    lines = path.read_bytes().split(b"\n")
    ends = [place for place, line in enumerate(lines) if b'"kind":"finished"' in line]
    cut = tmp_path / "out" / "parity.jsonl"
    cut.parent.mkdir()
    cut.write_bytes(b"\n".join(lines[: ends[len(ends) // 2] + 1]) + b"\n")
    again = [*words, "--jobs", "1", "--resume", "--out", str(cut.parent)]
    assert cli.guarded(lambda: cli.application(again)) == 0
    assert judged(cut) == judged(path)
