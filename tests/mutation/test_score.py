"""The mutation score itself: faults are planted, caught, survive, or are none."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.requests import request
from nnparity.execute.target import TargetName
from nnparity.mutate import command, score
from nnparity.mutate.circumstances import LAYOUT, NAN, SAME_ANYWAY
from nnparity.mutate.fault import OUTPUTS, Call, Fault, of_answers
from nnparity.mutate.planting import Memory, planted
from nnparity.mutate.precision import computed
from nnparity.mutate.score import Mutation, Planting, faults
from nnparity.mutate.tables import BY_KIND, SCORE, SURVIVORS, tables
from nnparity.reference import packs
from nnparity.reports import merge
from nnparity.reports.records import Fact, TargetLine, read_run
from nnparity.run.plan import Plan
from nnparity.spec import DTYPES, Case, Dtype, Formula, load
from nnparity.spec.cases import naming
from nnparity.store.location import VARIABLE
from nnparity.tests import commands
from nnparity.tests.checks.inside import plan, target

NAMES = ("dense", "softmax", "conv2d", "layer_norm")
MODERN = Path(__file__).parents[2] / "packs" / "modern"


def outcomes(monkeypatch: pytest.MonkeyPatch, *planted: Fault, formula: str = "dense") -> dict[str, Planting]:
    def source(formula: Formula, dtype: Dtype) -> list[Fault]:
        return list(planted)

    monkeypatch.setattr(score, "SOURCES", (source,))
    mutation = Mutation(plan(formula, dtypes=("float32",)), Memory(target(NumpyAdapter)))
    return {one.fault: one for one in mutation.run()}


def scaled(factor: float) -> Callable[[Call], Observation]:
    return of_answers(lambda x, request: x.astype(np.float64) * factor, OUTPUTS)


def test_a_fault_is_caught_survives_is_not_reached_or_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_long_sums(call: Call) -> Observation:
        """An ulp, where the budget is many."""
        return scaled(1 + 2.0**-24)(call) if call.request.inputs["x"].shape[-1] > 1000 else call.right

    found = outcomes(
        monkeypatch,
        Fault("twice", "test", scaled(2.0)),
        Fault("within a rounding", "test", of_long_sums),
        Fault("never", "test", lambda call: call.right),
        Fault("never, and why", "test", lambda call: call.right, "it cannot"),
        Fault("only in a layout that nobody has", "test", scaled(2.0), layout="braided"),
    )
    told = {name: one.outcome for name, one in found.items()}
    assert told == {
        "twice": "caught",
        "within a rounding": "equivalent",
        "never": "not reached",
        "never, and why": "equivalent",
    }
    assert found["twice"].told.startswith("dense/")
    assert found["never, and why"].told == "it cannot"


def test_a_fault_of_less_than_a_rounding_counts_where_all_are_off_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def last_place(call: Call) -> Observation:
        """Of long sums, whose budget is many."""
        less = of_answers(lambda x, request: np.nextafter(x, np.float32(0)), OUTPUTS)
        return less(call) if call.request.inputs["x"].shape[-1] > 1000 else call.right

    found = outcomes(
        monkeypatch,
        Fault("a last place", "test", last_place),
        Fault("a last place, always towards zero", "test", last_place, one_way=True),
    )
    assert [one.outcome for one in found.values()] == ["equivalent", "survived"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_results_that_are_cut_off_are_caught(dtype: str) -> None:
    """Also where the target takes another convention: the gradient of a maximum of two equal numbers is left alone."""
    for formula, outcome in (("dense", "caught"), ("conv2d", "caught"), ("max_pool2d", "equivalent")):
        mutation = Mutation(plan(formula, dtypes=(dtype,)), Memory(target(NumpyAdapter)))
        cut = next(one for one in faults(load()[formula], dtype) if "cut off" in one.name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(score, "SOURCES", (lambda *_, cut=cut: [cut],))
            (found,) = mutation.run()
        assert found.outcome == outcome, (formula, found)
        assert outcome != "caught" or found.told.endswith(": imprecise")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_in_half_precision_are_caught_where_there_is_one(dtype: str) -> None:
    for formula, outcome in (("mse", "caught"), ("relu", "equivalent")):
        sums = next(one for one in faults(load()[formula], dtype) if one.name == f"sums in {dtype}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(score, "SOURCES", (lambda *_, sums=sums: [sums],))
            (found,) = Mutation(plan(formula, dtypes=(dtype,)), Memory(target(NumpyAdapter))).run()
        assert found.outcome == outcome, found


@pytest.mark.parametrize(("level", "outcome"), [("quick", "not reached"), ("core", "equivalent")])
def test_what_needs_numbers_that_a_plan_has_not_is_excused_by_no_quick_one(
    level: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = Fault("never", "test", lambda call: call.right, SAME_ANYWAY, sought=True)
    monkeypatch.setattr(score, "SOURCES", (lambda formula, dtype: [never],))
    asked = replace(plan("softmax", dtypes=("float32",)), level=level, quantities=("output",))
    (found,) = Mutation(asked, Memory(target(NumpyAdapter))).run()
    assert found.outcome == outcome


def test_the_formulas_of_a_pack_are_computed_wrongly_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = packs.take(MODERN)
    try:
        wrong = [
            one
            for one in faults(load()["rms_norm"], "float32")
            if one.name in ("computed in float16", "sums in bfloat16")
        ]
        assert {one.outcome for one in outcomes(monkeypatch, *wrong, formula="rms_norm").values()} == {"caught"}
    finally:
        packs.drop(pack)


def test_what_shows_in_one_dtype_is_in_no_other_said_to_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def rare(call: Call) -> Observation:
        return scaled(2.0)(call) if call.case.dtype.name == "float32" else call.right

    faulty = [
        Fault("rare", "test", rare, SAME_ANYWAY, sought=True),
        Fault("never", "test", lambda call: call.right, "why"),
    ]
    monkeypatch.setattr(score, "SOURCES", (lambda *_: faulty,))
    asked = plan("softmax", dtypes=("float16", "float32"))
    found = [one.outcome for one in Mutation(asked, Memory(target(NumpyAdapter))).run()]
    assert found == ["not reached", "equivalent", "caught", "equivalent"]


def test_a_quick_plan_has_not_reached_what_core_catches() -> None:
    asked = replace(plan("softmax", dtypes=("float32",)), level="quick", quantities=("output",))
    found = {one.fault: one.outcome for one in Mutation(asked, Memory(target(NumpyAdapter))).run()}
    assert [found[name] for name in (NAN, "infinity is taken for a large number")] == ["not reached"] * 2
    assert found["jvp is negated"] == "equivalent", "whose reason is no matter of numbers"


def test_the_run_file_of_planted_faults_says_that_it_is_one(tmp_path: Path) -> None:
    asked = Plan((TargetName("numpy"),), formulas=("relu",), dtypes=("float32",), level="quick")
    command._write(asked, tmp_path / "mutation.jsonl", TargetLine("numpy:cpu:eager", available=True), [], [])
    assert merge([tmp_path / "mutation.jsonl"]).environments[0].plan["mutation"] == ["planted"]


def test_a_fault_that_the_budgets_cannot_see_survives_with_the_nearest_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(call: Call) -> Observation:
        """Where the dtype is coarse, more than a rounding and less than the budget of a long sum."""
        return scaled(1 + 2.0**-22)(call) if call.request.inputs["x"].shape[-1] > 1000 else call.right

    allowed = Fault("allowed", "test", blind, permitted="the spec says so")
    one, other = outcomes(monkeypatch, Fault("blind", "test", blind), allowed).values()
    assert (other.outcome, other.told) == ("equivalent", "the spec says so")
    assert one.outcome == "survived"
    assert one.told.startswith("nearest dense/")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", NAMES)
def test_every_fault_shows_somewhere_or_says_why_not(id: str, dtype: str) -> None:
    """Asked of one call each: what the shapes of the plan do not reach, a score lists."""
    memory = Memory(target(NumpyAdapter))
    names = [fault.name for fault in faults(load()[id], dtype)]
    assert len(set(names)) == len(names) > 40
    assert memory.answers == {}


ALONE = re.compile(r"(\w+) alone is 1")


def singles(id: str) -> list[Fault]:
    return [one for one in faults(load()[id], "float32") if ALONE.search(one.name)]


@pytest.mark.parametrize(
    ("id", "names"),
    [
        ("tanh", ["d", "n"]),
        ("multi_head_attention", ["b", "t", "heads"]),  # d is at least 2
        ("minibatch_gradient_descent", ["m", "p"]),
    ],
)
def test_each_dimension_that_alone_is_1_has_its_faults_and_all_are_caught(
    id: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = outcomes(monkeypatch, *singles(id), formula=id)
    families = 2 if load()[id].wrt else 1
    assert [ALONE.findall(name)[0] for name in found] == names * families
    assert {one.outcome for one in found.values()} == {"caught"}


def test_a_single_step_is_seen_by_the_degenerate_cases_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [one for one in singles("multi_head_attention") if "where t alone" in one.name]
    seen = outcomes(monkeypatch, *steps, formula="multi_head_attention")
    assert all("/size one of t/" in one.told for one in seen.values())
    monkeypatch.setattr(score, "CHECKS", ())
    unseen = outcomes(monkeypatch, *steps, formula="multi_head_attention")
    assert {one.outcome for one in unseen.values()} == {"not reached"}


@pytest.mark.parametrize(
    ("sizes", "wrong"), [("n1i5j4", True), ("n3i5j4", False), ("n1i1j4", False), ("n1i1j1", False)]
)
def test_it_is_wrong_where_that_dimension_is_1_and_no_other(sizes: str, wrong: bool) -> None:
    assert shows("dense", "n", sizes) == wrong


def shows(id: str, dimension: str, sizes: str) -> bool:
    """Whether the output is off in a case of those sizes."""
    (fault,) = (one for one in singles(id) if one.name == f"the output: off where {dimension} alone is 1")
    case = Case(load()[id], naming.signature_of(load()[id], sizes), "normal", DTYPES["float32"])
    observer = planted(Memory(target(NumpyAdapter)), fault)[1]
    observer.submit([request(case, frozenset({"output"}))])
    list(observer.collect())
    return observer.effect > 1


def test_an_image_of_one_row_has_a_kernel_of_one() -> None:
    """So both are 1 at once, and no other."""
    found = {ALONE.findall(one.name)[0] for one in singles("conv2d")}
    assert found == {"c", "h", "n", "o", "p", "q", "w"}
    assert shows("conv2d", "h", "n2c3h1w8o4p1q2")
    assert not shows("conv2d", "h", "n2c3h1w1o4p1q1")


def test_layouts_and_threads_are_reached_through_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_threads(call: Call) -> Observation:
        return scaled(2.0)(call) if call.threads else call.right

    def aliased(call: Call) -> Observation:
        return scaled(2.0)(call) if call.request.layout == "aliased" else call.right

    def restless(call: Call) -> Observation:
        return scaled(1 + 2.0**-23)(call) if call.times % 2 else call.right

    three = (Fault(f.__name__, "test", f) for f in (on_threads, aliased, restless))
    found = outcomes(monkeypatch, *three, formula="gan_discriminator_loss")
    assert {one.outcome for one in found.values()} == {"caught"}
    assert "all cores" in found["on_threads"].told
    assert "/aliased/" in found["aliased"].told
    assert found["restless"].told.endswith("nondeterministic")


@pytest.mark.parametrize("formula", ["dense", "lstm_step"])
def test_a_machine_that_computes_answers_also_where_not_all_is_given(
    formula: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tangents of some inputs alone, the cotangent of one output alone: the whole of `mutate` ended there."""
    seen = outcomes(monkeypatch, Fault("wide", "test", computed("float64")), formula=formula)
    assert [one.outcome for one in seen.values()] == ["not reached"]  # it is right everywhere


def test_the_same_question_is_asked_once() -> None:
    memory = Memory(target(NumpyAdapter))
    asked: list[int] = []
    submit = memory.target.observer.submit

    def counting(requests: list[object]) -> None:
        asked.append(len(requests))
        submit(requests)  # type: ignore[arg-type]

    memory.target.observer.submit = counting  # type: ignore[method-assign,assignment]
    request = _request()
    for _ in range(3):
        stand_in, _ = planted(memory, Fault("none", "test", lambda call: call.right))
        stand_in.observer.submit([request])
        list(stand_in.observer.collect())
    assert asked == [1]


def _request():  # type: ignore[no-untyped-def]
    from nnparity.adapters.request import Request

    return Request("tanh", {"x": np.ones((2, 3), np.float32)})


def test_tables_tell_scores_by_formula_and_kind_and_list_survivors() -> None:
    some = [
        Planting("dense", "float32", "a", "shape", "caught", "case"),
        Planting("dense", "float32", "b", "precision", "survived", "nearest case: margin 0.5"),
        Planting("tanh", "float32", "c", "shape", "equivalent", "why"),
        Planting("tanh", "float32", "d", "shape", "not reached", "no case of the plan shows it"),
    ]
    cells = {(fact.table, fact.row): fact.text for fact in tables(some, [])}
    assert cells[SCORE, "dense"] == "1 of 2 caught"
    assert cells[SCORE, "tanh"] == "0 of 1 caught"
    assert cells[SCORE, "all"] == "1 of 3 caught"
    assert cells[BY_KIND, "precision"] == "0 of 1 caught"
    survivors = {row: text for (table, row), text in cells.items() if table == SURVIVORS}
    assert survivors == {
        "dense: b": "survived: nearest case: margin 0.5",
        "tanh: d": "not reached: no case of the plan shows it",
    }


def test_a_target_that_cannot_be_started_is_told_in_its_own_words(tmp_path: Path) -> None:
    """The pool whose process cannot begin would only say that it is broken."""
    asked = Plan((TargetName("nowhere.py:Target"),), formulas=("relu",), dtypes=("float32",))
    with pytest.raises(TargetUnavailable, match="nowhere"):
        command.mutate(asked, tmp_path / "mutation.jsonl", 60.0, 1, lambda id: None)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process ends when it next hears from nobody")
def test_no_process_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    assert ended(signal.SIGKILL, tmp_path)[0] == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_at_once_and_leaves_nothing(number: int, status: int, tmp_path: Path) -> None:
    """Undisturbed it goes on for minutes."""
    found, told = ended(number, tmp_path)
    assert (found, "Traceback" in told) == (status, False)
    assert not any((tmp_path / "temporary").iterdir())
    assert not (tmp_path / "out" / "mutation.jsonl").exists()


def ended(number: int, folder: Path) -> tuple[int, str]:
    """The status, and what is told, of a run that gets a signal while it works; no process of it may live on."""
    (folder / "temporary").mkdir()
    options = ("--backend", "numpy", "--jobs", "1", "--no-store", "--out", str(folder / "out"))
    command = [sys.executable, "-m", "nnparity", "mutate", *options]
    elsewhere = os.environ | {"TMPDIR": str(folder / "temporary")}
    with commands.signals_heeded():
        begun = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=elsewhere)
    with begun as process:
        deadline = time.monotonic() + 60
        while not (found := [one for child in children(process.pid) for one in children(child)]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        found += children(process.pid)
        process.send_signal(number)
        try:
            told = process.communicate(timeout=20)[1]
        finally:
            process.kill()
        while any(Path(f"/proc/{one}").exists() and alive(one) for one in found):
            assert time.monotonic() < deadline, "they live on"
            time.sleep(0.05)
        return process.returncode, told


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_faults_of_a_layout_are_for_targets_that_have_it_and_excused_by_no_permit() -> None:
    found = [one for one in faults(load()["softmax"], "float32") if one.kind == LAYOUT]
    assert {one.layout for one in found} >= {"transposed", "strided", "unaligned"}
    assert not any(one.permitted or one.sought for one in found)


def test_what_is_expected_of_all_faults_is_kept_and_no_verdict_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    plan = ("--backend", "numpy", "--formula", "relu", "--dtype", "float32", "--jobs", "1", "--out", str(tmp_path))
    told = []
    for store in ("--no-store", "", ""):
        done = commands.nnparity("mutate", *plan, *filter(None, [store]), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        told.append([one for one in read_run(tmp_path / "mutation.jsonl") if isinstance(one, Fact)])
        assert (tmp_path / "kept").exists() == (not store)
    assert told[0] == told[1] == told[2]
    assert any(fact.table == SCORE for fact in told[0])
    done = commands.nnparity("run", *plan, cwd=tmp_path)
    assert re.search(r"^expectations: .*from the store", done.stderr, re.M)
    assert re.search(r"^verdicts: \d+ computed$", done.stderr, re.M)
