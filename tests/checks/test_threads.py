"""More threads: what is cut up wrongly is found, and what is only added up in another order is told."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partialmethod
from importlib.util import find_spec
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from nnparity import checks
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Observation, Request
from nnparity.checks.common import Finding
from nnparity.checks.determinism import determinism
from nnparity.checks.special_values import special_values
from nnparity.checks.threads import (
    ALONE,
    ELEMENTS,
    ENOUGH,
    ONE,
    ONE_SAMPLE,
    RESULT,
    SEVERAL,
    TABLE,
    VARIES,
    _elements,
    _result,
    cores,
    signature,
)
from nnparity.execute.observer import THREADS, WAITING, Observer, OnThreads
from nnparity.judge.recorded_expectations import Evidence, Expects, met
from nnparity.reports.records import Fact
from nnparity.run.verdicts import verdict_line
from nnparity.spec import load
from nnparity.spec.cases.naming import signature_of
from nnparity.spec.cases.pool import pool
from nnparity.spec.selection import ALL
from nnparity.tests.checks.inside import Inside, cells, examined, lines, plan, target, told, verdicts, wrong


class LosesTheSeam(NumpyAdapter):
    """On several threads, the last row of the first half is not written."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if self.threads and isinstance(output, np.ndarray):
            output[len(output) // 2 - 1] = 0
        return seen


class ZerosOnOneThread(NumpyAdapter):
    """On a single thread the large arrays are never written."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if not self.threads and isinstance(output, np.ndarray):
            output[:] = 0
        return seen


class LosesWhatIsLeftOver(NumpyAdapter):
    """Each of several threads adds up as many numbers as the others: what is left over nobody adds."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        for name, array in seen.items():
            if self.threads and name.startswith("grad.") and isinstance(array, np.ndarray):
                array.flat[array.size // self.threads * self.threads :] = 0
        return seen


class RaisesOnOneThread(NumpyAdapter):
    """A kernel that needs several threads."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        if not self.threads:
            raise RuntimeError("no pool of threads")
        return super().observe(request)


class Races(NumpyAdapter):
    """On several threads every second call is an ulp beside the first."""

    threads: int | None = None
    calls = 0

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        self.calls += 1
        if self.threads and self.calls % 2 and isinstance(output, np.ndarray):
            seen["output"] = np.nextafter(output, np.inf, dtype=output.dtype)
        return seen


class RacesSeldom(NumpyAdapter):
    """On several threads one number of each fifth call is lost."""

    threads: int | None = None
    calls = 0

    def _read(self, tensors: Iterable[Any], names: Sequence[str]) -> dict[str, Array]:
        seen = super()._read(tensors, names)
        self.calls += 1
        if self.threads and self.calls % 5 == 0:
            next(iter(seen.values())).flat[0] = 0
        return seen


class MayRace(Races):
    """The same, and says so."""

    nondeterministic: ClassVar[dict[str, str]] = {"dense": "adds up in the order that threads end in"}


class AddsUpInAnotherOrder(NumpyAdapter):
    """On several threads, an ulp beside."""

    threads: int | None = None

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if self.threads and isinstance(output, np.ndarray):
            seen["output"] = np.nextafter(output, np.inf, dtype=output.dtype)
        return seen


class LosesTheLastRows(NumpyAdapter):
    """However many threads there are."""

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if isinstance(output, np.ndarray):
            output[len(output) // 2 :] = 0
        return seen


def test_a_row_lost_at_the_seam_between_two_threads_is_caught() -> None:
    assert wrong(lines(LosesTheSeam, "threads", "dense")) == {"all cores": {"output"}}


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        (LosesTheSeam, ALONE.format("all cores")),
        (LosesTheLastRows, "the tail is missing: all is 0 from 4096 on of axis 0, which is 8193 long"),
    ],
)
def test_a_diagnosis_says_whether_more_threads_alone_are_at_fault(adapter: type[NumpyAdapter], said: str) -> None:
    found = examined(adapter, "threads", "dense")
    assert {one.quantity: one.diagnosis for one in found if one.diagnosis} == {"output": said}


class LosesTheLastColumns(NumpyAdapter):
    """Each of all cores takes as many whole vectors of 8 columns. Of some numbers of columns nobody takes the last."""

    of = cores()

    def on_threads(self, threads: int) -> AbstractContextManager[Any]:
        return nullcontext(threads)

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output, vectors = seen["output"], 8 * request.threads
        shared_out = request.threads == self.of and isinstance(output, np.ndarray) and output.ndim
        if shared_out and output.shape[-1] % vectors == 1:
            output[..., -1] = 0
        return seen


class LosesTermsOfASingleRow(LosesTheLastColumns):
    """A product of one row by a matrix has its terms shared out, and one thread's are what remains."""

    def observe(self, request: Request) -> Observation:
        seen = NumpyAdapter.observe(self, request)
        if request.threads and len(seen["output"]) == 1:  # type: ignore[arg-type]
            seen["output"] = seen["output"] * 0.5  # type: ignore[operator]
        return seen


def test_what_goes_wrong_with_a_single_sample_on_several_threads_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inside, "on_threads", partialmethod(OnThreads))
    (found,) = (one for one in examined(LosesTermsOfASingleRow, "threads", "dense") if one.grade != "conforms")
    assert (found.dataset, found.quantity, found.diagnosis) == (ONE_SAMPLE, "output", ALONE.format(ONE_SAMPLE))


class LosesTheLastColumnsOfOddThreads(LosesTheLastColumns):
    of = cores() | 1


@pytest.mark.parametrize("adapter", [LosesTheLastColumns, LosesTheLastColumnsOfOddThreads])
def test_sizes_of_the_pool_are_asked_on_all_cores_and_on_odd_threads_where_the_process_sets_them(
    adapter: type[LosesTheLastColumns], monkeypatch: pytest.MonkeyPatch
) -> None:
    dtypes, started = ("float32", "float64"), target(adapter)
    (item,) = (one for one in checks.items(plan("relu", pool=ALL, dtypes=dtypes)) if one.check == "threads")
    assert len({one.signature for one in verdicts(told(item, started))}) == 1, "of another process the large one"
    monkeypatch.setattr(Inside, "on_threads", partialmethod(OnThreads))
    found = verdicts(told(item, started))
    assert {one.grade for one in found if one.dataset == SEVERAL and one.quantity == "output"} == {
        "conforms",
        "diverges",
    }
    large = {name: {"output"} for name in ("all cores", ONE_SAMPLE)} if adapter.of == cores() else {}
    assert wrong(found) == {SEVERAL: {"output"}} | large
    lost = {one.signature for one in found if one.grade != "conforms"}
    assert all(signature_of(load()["relu"], one).dims["d"] % (8 * adapter.of) == 1 for one in lost)
    assert {one.diagnosis for one in found if one.grade != "conforms"} == {
        ALONE.format(dataset) for dataset in wrong(found)
    }
    drawn = {one.signature.id for one in pool(load()["relu"]) if one.dtype in dtypes}
    assert drawn == {one.signature for one in found if one.dataset == SEVERAL}


@pytest.mark.parametrize("adapter", [ZerosOnOneThread, RaisesOnOneThread])
def test_what_is_wrong_on_one_thread_alone_is_caught(adapter: type[NumpyAdapter]) -> None:
    found = [one for one in verdicts(lines(adapter, "threads", "dense")) if one.quantity == "output"]
    assert [one.grade for one in found] == ["diverges" if adapter is ZerosOnOneThread else "error"]
    assert (found[0].message or "").startswith("on one thread")
    assert found[0].diagnosis == (ONE.format("all cores") if adapter is ZerosOnOneThread else None)


def test_other_bits_at_each_call_on_all_cores_are_nondeterministic_unless_declared() -> None:
    found = lines(Races, "threads", "dense")
    assert {one.quantity: one.grade for one in verdicts(found)}["output"] == "nondeterministic"
    assert cells(found)["dense"].startswith("all cores: other bits at each call")
    declared = {one.quantity: one for one in verdicts(lines(MayRace, "threads", "dense"))}["output"]
    assert declared.grade == "conforms"
    assert "declared: adds up in the order" in (declared.note or "")


def test_what_threads_lose_at_one_call_of_several_is_found() -> None:
    """Of the first two calls none is wrong; of either family that is asked for once more there are two at least."""
    found = [one for one in verdicts(lines(RacesSeldom, "threads", "dense")) if one.grade != "conforms"]
    assert {(one.grade, one.diagnosis) for one in found} == {("diverges", VARIES)}
    assert all((one.message or "").startswith("from call to call 1 of") for one in found)


def test_other_bits_within_the_budget_conform_and_are_told() -> None:
    found = lines(AddsUpInAnotherOrder, "threads", "dense")
    assert wrong(found) == {}
    assert {line.table for line in found if isinstance(line, Fact)} == {TABLE}
    assert cells(found)["dense"].startswith("all cores: other bits")
    assert any(v.note and "numbers differ" in v.note for v in verdicts(found))


@pytest.mark.parametrize("formula", ["dense", "conv2d", "lstm", "adam", "positional_encoding", "l1_penalty"])
def test_the_case_is_as_large_as_is_shared_out_and_odd(formula: str) -> None:
    large = signature(load()[formula])
    assert ELEMENTS <= _elements(load()[formula], large) <= ENOUGH
    assert any(size % 2 and size > 2**8 for size in large.dims.values())


@pytest.mark.parametrize("formula", ["dense", "attention", "masked_attention", "multi_head_attention", "lstm", "adam"])
def test_a_result_has_more_numbers_than_16_bits_count(formula: str) -> None:
    assert _result(load()[formula], signature(load()[formula])) > RESULT


def test_where_that_would_be_too_many_in_all_the_case_is_no_larger_than_is_shared_out() -> None:
    conv2d = load()["conv2d"]
    assert _result(conv2d, signature(conv2d)) < RESULT
    assert _elements(conv2d, signature(conv2d)) < 2 * ELEMENTS


@pytest.mark.parametrize(
    ("formula", "least"), [("conv2d", 3), ("max_pool2d", 3), ("lstm", 5), ("attention", 6), ("dense", 8), ("mse", 263)]
)
def test_no_axis_beside_the_samples_is_narrower_than_it_need_be(formula: str, least: int) -> None:
    """A seam between two threads may lie along any, and one step or one channel has none."""
    assert min(size for name, size in signature(load()[formula]).dims.items() if name not in "nb") == least


def test_where_the_level_full_alone_has_signatures_one_of_them_is_taken() -> None:
    own = msgspec.structs.replace(load()["relu"], signatures=({"n": 3, "d": 7, "level": "full"},))
    assert signature(own).dims["d"] == 7
    for check in (determinism, special_values):
        found = [one for one in check(target(NumpyAdapter), own, plan("relu")).found() if isinstance(one, Finding)]
        assert {one.judgement.grade for one in found} <= {"conforms", "inconclusive"}


@pytest.mark.parametrize("formula", ["mse", "l2_penalty", "gan_discriminator_loss", "cross_entropy"])
def test_a_sum_of_all_numbers_leaves_something_over(formula: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["nnparity.checks.threads"], "cores", lambda: 2)
    large = signature(load()[formula])
    assert all(size % 2 for size in large.dims.values())
    assert wrong(lines(LosesWhatIsLeftOver, "threads", formula))


def test_the_observer_hands_its_number_of_threads_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*THREADS, WAITING):
        monkeypatch.delenv(name, raising=False)
    observer = Observer("numpy")
    try:
        assert {observer._environment()[name] for name in THREADS} == {"1"}
        assert observer._environment()[WAITING] == "PASSIVE", "threads that wait spin else"
        twin = observer.twin(2)
        assert {twin._environment()[name] for name in THREADS} == {"2"}
        assert observer.twin() is not twin
        assert observer.single_threaded() is observer
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        assert observer._environment()["OMP_NUM_THREADS"] == "7"
        monkeypatch.setenv("NPROC", "3")
        assert observer._environment()["PJRT_NPROC"] == "3", "XLA asks it first"
        monkeypatch.setenv("PJRT_NPROC", "5")
        assert [observer._environment()[name] for name in ("NPROC", "PJRT_NPROC")] == ["3", "5"]
        single = observer.single_threaded()
        assert single is observer.twin(1)
        assert {single._environment()[name] for name in THREADS} == {"1"}
    finally:
        observer.close()


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_torch_sets_its_threads_itself_and_takes_no_process_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eager code does; compiled code was shared out when it was compiled, and is asked of another process."""
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    asked = Request("relu", {"x": np.ones((2, 3), np.float32)})

    def seen(observer: Any) -> list[int]:
        observer.submit([asked, asked])
        return [int(found.observation["output"][0, 0]) for found in observer.collect()]

    for mode, sets in (("eager", True), ("compiled", False)):
        with closing(Observer("nnparity.tests.checks.torch_adapters:CountsThreads", mode=mode)) as observer:
            several = observer.on_threads(2)
            assert isinstance(several, OnThreads) is sets
            assert [seen(observer), seen(several), seen(observer)] == [[1, 1], [2, 2], [1, 1]]
            assert bool(observer._twins) is not sets
            monkeypatch.setenv("OMP_NUM_THREADS", "2")
            assert isinstance(observer.single_threaded(), OnThreads) is sets
            monkeypatch.delenv("OMP_NUM_THREADS")


class NothingAtTheSeam(NumpyAdapter):
    """On several threads, the last row of the first half is NaN, and one number of the next is 0."""

    threads: int | None = None
    also_zero = False

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen["output"]
        if self.threads and isinstance(output, np.ndarray):
            output[len(output) // 2 - 1] = np.nan
            output[len(output) // 2, 0] = 0 if self.also_zero else output[len(output) // 2, 0]
        return seen


class NothingAndZeroAtTheSeam(NothingAtTheSeam):
    also_zero = True


@pytest.mark.parametrize("adapter", [NothingAtTheSeam, NothingAndZeroAtTheSeam])
def test_a_record_is_held_against_all_that_several_threads_gave(adapter: type[NumpyAdapter]) -> None:
    """The worst element is NaN, as on record; whether all that is wrong is, the others tell."""
    (item,) = (one for one in checks.items(plan("dense")) if one.check == "threads")
    (found,) = (one for one in item.run(target(adapter)) if isinstance(one, Finding) and one.quantity == "output")
    verdict = verdict_line(target(adapter), found)
    evidence = Evidence(found.case, False, found.seen, found.truth)
    assert verdict.worst is not None
    assert verdict.worst.observed == "nan"
    assert met(Expects(answer="NaN"), "wrong result", verdict, evidence) == (adapter is NothingAtTheSeam)


def test_what_is_held_against_another_observation_is_no_evidence_of_what_is_expected() -> None:
    (item,) = (one for one in checks.items(plan("dense")) if one.check == "threads")
    for adapter in (ZerosOnOneThread, Races):
        found = [one for one in item.run(target(adapter)) if isinstance(one, Finding) and one.quantity == "output"]
        assert [one.truth for one in found] == [None]
