"""What the scheduler asks of any engine, on one that only pretends; and how a cluster's jobs are shared out."""

import sys
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName
from nnparity.reports.chain import broken, links, sealed
from nnparity.reports.records import Finished, Verdict, read_run
from nnparity.run import scheduler
from nnparity.run.counts import Counts, PartCounts
from nnparity.run.engines.actor import Actor, Told, made_of
from nnparity.run.engines.cluster import crews, shared_out
from nnparity.run.engines.engine import Done, Engine, JobDied, Lost, Versions
from nnparity.run.engines.processes import Processes
from nnparity.run.engines.units import Crew, of_crew, units
from nnparity.run.engines.worker import Worker, agree
from nnparity.run.journal import made_of as target_made_of
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.scheduler import Jobs
from nnparity.spec.usage import UsageError

NUMPY, TORCH, CUDA = TargetName("numpy"), TargetName("torch"), TargetName("torch", "cuda")
PLAN = Plan((NUMPY,), formulas=("relu", "tanh", "softmax"), dtypes=("float32", "float16"))
NONE = PartCounts(Counts(), {}, set(), set())


class Pretended(Engine):
    """Jobs that do nothing, and are lost when it is said."""

    prompt = False
    attempts = 3

    def __init__(
        self, *crews: Crew, losing: Counter[int] | None = None, versions: list[Versions] | None = None
    ) -> None:
        self.crews = crews
        self.losing, self.versions = losing or Counter(), versions or []
        #: What each job was told to do.
        self.told: list[tuple[int, int]] = []
        self.replaced: list[int] = []

    def begin(self, *_: object) -> "Future[Done]":
        return self._future(Done(NONE, self.versions.pop() if self.versions else {}))

    def examine(self, job: int, place: int, crew: Crew) -> "Future[Done]":  # noqa: ARG002
        self.told.append((job, place))
        self.losing[place] -= 1
        return self._future(None if self.losing[place] >= 0 else Done(NONE, {}, f"{place}\n".encode()))

    @staticmethod
    def _future(done: Done | None) -> "Future[Done]":
        future: Future[Done] = Future()
        if done is None:
            future.set_exception(Lost("its machine went down"))
        else:
            future.set_result(done)
        return future

    def result(self, future: "Future[Done]") -> Done:
        return future.result()

    def replace(self, job: int) -> None:
        self.replaced.append(job)

    def awake(self) -> None: ...

    def close(self, *, now: bool) -> None: ...


def driven(engine: Engine, plan: Plan, path: Path, done: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """The titles of what was done, and how jobs were lost."""
    with Jobs(engine) as jobs:
        return [title for title, _ in jobs.drive(plan, path, done) if title], jobs.lost


def test_what_a_lost_job_had_at_hand_is_done_again(tmp_path: Path) -> None:
    engine = Pretended((), (), losing=Counter({1: 1, 3: 2}))
    titles, lost = driven(engine, PLAN, tmp_path / "run.jsonl")
    assert sorted(titles) == sorted(unit.title for unit in units(PLAN))
    assert sorted((tmp_path / "run.jsonl").read_text().split()) == sorted(map(str, range(len(titles))))
    assert Counter(place for _, place in engine.told) == Counter(range(len(titles))) + Counter({1: 1, 3: 2})
    assert len(lost) == len(engine.replaced) == 3
    assert all("its machine went down" in told for told in lost)


def test_a_unit_that_costs_its_job_again_and_again_ends_the_run(tmp_path: Path) -> None:
    engine = Pretended((), losing=Counter({1: 3}))
    with pytest.raises(JobDied, match=r"worked on .* was killed \(its machine went down\); .*run.jsonl has what was"):
        driven(engine, PLAN, tmp_path / "run.jsonl")


def test_targets_of_several_versions_are_not_one_target(tmp_path: Path) -> None:
    engine = Pretended((), (), versions=[{"numpy": {"numpy": "2.1"}}, {"numpy": {"numpy": "2.0"}}])
    with pytest.raises(TargetUnavailable, match=r"numpy has the versions .* here, and had"):
        driven(engine, PLAN, tmp_path / "run.jsonl")


def test_an_adapter_that_is_other_code_elsewhere_is_not_one_target(tmp_path: Path) -> None:
    told = [target_made_of({"numpy": "2.1"}, source) for source in ("", "abc", "abd")]
    with pytest.raises(TargetUnavailable, match=r"mine:cpu:eager: the source of its adapter is not what it was"):
        driven(Pretended((), (), versions=[{"mine:cpu:eager": one} for one in told[1:]]), PLAN, tmp_path / "run.jsonl")
    agree("mine:cpu:eager", told[0], told[1])  # of a file that says nothing of the source
    agree("mine:cpu:eager", told[1], told[0])


def test_each_crew_does_every_unit_and_leaves_when_there_is_none(tmp_path: Path) -> None:
    engine = Pretended((TORCH,), (CUDA,), (CUDA,))
    plan = Plan((TORCH, CUDA), formulas=("relu",), dtypes=("float32",))
    titles, _ = driven(engine, plan, tmp_path / "run.jsonl")
    wanted = [f"{unit.title} on {name}" for unit in units(plan) for name in (TORCH, CUDA)]
    assert sorted(titles) == sorted(wanted)
    assert {job for job, _ in engine.told} >= {0, 1}
    assert engine.replaced, "the room of a job without units is for others"


def test_a_run_that_waits_for_room_can_be_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Pretended(())
    monkeypatch.setattr(scheduler, "AWAKE", 0.01)
    monkeypatch.setattr(engine, "begin", lambda *_: Future())
    with Jobs(engine) as jobs:
        monkeypatch.setattr(engine, "awake", jobs.stop)
        assert list(jobs.drive(PLAN, tmp_path / "run.jsonl")) == []


def test_a_run_that_was_shared_out_otherwise_is_not_gone_on_with(tmp_path: Path) -> None:
    done = of_crew(units(PLAN), (NUMPY,))[0].title
    with pytest.raises(UsageError, match="was shared out otherwise"):
        driven(Processes(1), PLAN, tmp_path / "run.jsonl", (done,))


def test_targets_that_need_the_same_of_a_machine_are_a_crew() -> None:
    assert crews((NUMPY, TORCH), {}) == {(): {"num_cpus": 1, "num_gpus": 0}}
    assert crews((CUDA,), {}) == {(): {"num_cpus": 1, "num_gpus": 1}}
    apart = crews((NUMPY, TORCH, CUDA), {"torch": ["torch==2.6.0"]})
    environment = {"runtime_env": {"pip": ["torch==2.6.0"]}}
    assert apart == {
        (CUDA,): {"num_cpus": 1, "num_gpus": 1} | environment,
        (NUMPY,): {"num_cpus": 1, "num_gpus": 0},
        (TORCH,): {"num_cpus": 1, "num_gpus": 0} | environment,
    }
    assert next(iter(apart)) == (CUDA,), "who needs what is rare comes first"


def test_a_crew_has_as_many_jobs_as_there_is_room_for() -> None:
    one, two = crews((NUMPY,), {}), crews((TORCH, CUDA), {})
    assert shared_out(one, {"CPU": 6}, None, 100) == [()] * 6
    assert shared_out(one, {"CPU": 6}, None, 4) == [()] * 4
    assert shared_out(one, {"CPU": 6}, 9, 4) == [()] * 9, "what is said is done"
    assert shared_out(two, {"CPU": 6, "GPU": 2}, None, 100) == [(CUDA,)] * 2 + [(TORCH,)] * 4
    with pytest.raises(TargetUnavailable, match=r"has a GPU for torch:cuda"):
        shared_out(two, {"CPU": 6}, None, 100)


def test_lines_that_are_handed_back_are_those_that_are_written(tmp_path: Path) -> None:
    written, handed = tmp_path / "written.jsonl", tmp_path / "handed.jsonl"
    for path in (written, handed):
        Recorder.anew(path, PLAN).close()
        worker = Worker(60.0, str(tmp_path))
        with handed.open("ab") as file:
            for place in range(-1, 3):
                told = path if path == written else None
                done = worker.examine(place) if place >= 0 else worker.begin(PLAN, told, {})
                assert bool(done.lines) == (path == handed)
                file.write(done.lines if path == handed else b"")
        worker.close()
        sealed(path)
        assert list(broken(links(path))) == []
    several = [
        [(one.case, one.quantity, one.hard, one.digest) for one in read_run(path) if isinstance(one, Verdict)]
        for path in (written, handed)
    ]
    assert several[0]
    assert several[0] == several[1]
    assert sum(isinstance(one, Finished) for one in read_run(handed)) == 3


def test_a_machine_with_other_code_does_not_share_in_a_run() -> None:
    made = made_of(PLAN)
    with pytest.raises(UsageError, match=r"cannot share in this run: it has numpy .*; the run is made with"):
        Actor().begin(Told(60.0, None), (), PLAN, {}, made | {"numpy": "1.0"})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--on", "ray"), "--on ray needs Ray, which is not here"),
        (("--on", "ray://head:10001"), "--on ray needs Ray, which is not here"),
        (("--on", "cloud"), "--on cloud is none: it is processes, ray, ray://HOST:PORT or ray:ADDRESS"),
        (("--pip", "numpy=numpy==2.0"), "--pip makes a Ray runtime environment: it goes with --on ray"),
        (("--on", "ray", "--pip", "torch=torch==2.6.0"), "--pip torch=torch==2.6.0 is none"),
    ],
)
@pytest.mark.parametrize("command", ["run", "soak"])
def test_where_a_plan_cannot_be_run_is_a_usage_error(
    command: str,
    options: tuple[str, ...],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    plan = [command, "--backend", "numpy", "--formula", "relu", "--out", str(tmp_path), *options]
    assert cli.guarded(lambda: cli.application(plan)) == 2
    assert why in capsys.readouterr().err
    assert not any(tmp_path.rglob("*.jsonl"))
