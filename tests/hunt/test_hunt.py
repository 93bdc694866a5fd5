"""A hunt draws the same again, stays within what formulas allow, finds a planted fault, and makes it small."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity import ForwardOnly, kernel
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation, Request
from nnparity.command_line import main as cli
from nnparity.execute.target import TargetName
from nnparity.hunt import command
from nnparity.hunt.command import Bag, Hunt
from nnparity.hunt.draw import Prey, draws
from nnparity.hunt.shrink import shrink, simpler
from nnparity.hunt.trial import Trial
from nnparity.judge.known_divergences import KnownError
from nnparity.reports import merge
from nnparity.reports.records import ADAPTER
from nnparity.run.examiner import Examiner, on_record
from nnparity.run.verdicts import failed
from nnparity.spec import DTYPES, load
from nnparity.spec.cases.layouts import CONTIGUOUS, STRIDED, UNALIGNED
from nnparity.spec.cases.pool import ELEMENTS
from nnparity.spec.usage import UsageError
from nnparity.tests.checks.inside import plan, target

EVERY = list(load().values())


def some(count: int, seed: str = "1", *names: str) -> list[Prey]:
    chosen = [load()[name] for name in names] or EVERY
    return list(islice(draws(chosen, tuple(DTYPES), seed), count))


def test_a_seed_draws_the_same_and_another_others() -> None:
    one, again, other = some(30), some(30), some(30, "2")
    assert [(p.case.id, p.salt, p.layout) for p in one] == [(p.case.id, p.salt, p.layout) for p in again]
    assert {p.case.id for p in one} != {p.case.id for p in other}
    assert len({p.formula.id for p in one}) > 10


def test_every_case_has_numbers_and_stays_within_the_budget() -> None:
    for prey in some(60):
        case = prey.case
        assert sum(x.size for x in case.inputs.values()) <= ELEMENTS
        assert [x.shape for x in case.cotangents.values()] == list(case.shapes.values())


def test_formulas_without_a_pool_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="declares a pool"):
        next(draws([load()["listing_mlp"]], tuple(DTYPES), "1"))


class LosesTheTail(NumpyAdapter):
    """Past a multiple of 8, a row is not written."""

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        output = seen.get("output")
        if isinstance(output, np.ndarray) and output.ndim and output.shape[-1] % 8:
            output[..., output.shape[-1] // 8 * 8 :] = 0
        return seen


def test_a_tail_that_is_lost_shrinks_to_the_smallest_case() -> None:
    trial = Trial(Examiner(plan("dense"), diagnosing=False), target(LosesTheTail))

    def fails(prey: Prey) -> bool:
        return any(failed(verdict) and verdict.quantity == "output" for verdict in trial.verdicts(prey))

    first = next(prey for prey in some(200, "1", "dense") if fails(prey) and prey.values["j"] != 1)
    least = shrink(first, fails)
    assert fails(least)
    assert [max(1, int(least.values[name])) for name in ("n", "i", "j")] == [1, 1, 1]
    assert (least.layout, least.dataset) == ("contiguous", "normal")


class TwoFaults(NumpyAdapter):
    """Rows of more than 8 are too wide, and what is a row alone has another fault."""

    def observe(self, request: Request) -> Observation:
        rows, width = request.inputs["x"].shape[0], request.inputs["x"].shape[-1]
        if width > 8 or rows == 1:
            raise ValueError("too wide") if width > 8 else IndexError("a row alone")
        return super().observe(request)


def test_a_failure_is_not_made_small_into_another() -> None:
    trial = Trial(Examiner(plan("softmax"), diagnosing=False), target(TwoFaults))
    first = next(prey for prey in some(50, "1", "softmax") if int(prey.values["k"]) > 8)
    (failure,) = (verdict for verdict in trial.verdicts(first) if verdict.quantity == "output")
    least = shrink(first, lambda one: any(command._same(verdict, failure) for verdict in trial.verdicts(one)))
    assert (least.values["n"], least.values["k"]) == (1, 9)


@pytest.mark.parametrize("longest", [0.0, 60.0])
def test_what_is_found_at_the_end_of_a_hunt_is_made_small_for_a_while_alone(
    longest: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[bool] = []
    monkeypatch.setattr(command, "LONGEST", longest)
    monkeypatch.setattr(command, "shrink", lambda prey, fails: again.append(fails(prey)) or prey)
    own = TargetName("nnparity.tests.hunt.test_hunt:TwoFaults")
    hunt = Hunt(replace(plan("softmax"), targets=(own,)), tmp_path / "hunt.jsonl", 60.0)
    try:
        hunt.run(0.0, lambda bag: None)
    finally:
        hunt.close()
    assert set(again) == {longest > 0}


def test_a_case_is_shown_in_the_layout_that_it_was_asked_in() -> None:
    prey = replace(some(1, "1", "softmax")[0], layout=STRIDED)
    verdict = Trial(Examiner(plan("softmax")), target(TwoFaults)).verdicts(prey)[0]  # which has no such layout
    assert STRIDED not in command._shown(prey, verdict)
    assert STRIDED in command._shown(prey, msgspec.structs.replace(verdict, layout=STRIDED))


class WrongOffAlignment(NumpyAdapter):
    """What is read off alignment, or from every second element, is the double."""

    layouts = (*NumpyAdapter.layouts, STRIDED, UNALIGNED)

    def observe(self, request: Request) -> Observation:
        seen = super().observe(replace(request, layout=CONTIGUOUS))
        return seen if request.layout == CONTIGUOUS else {name: 2 * np.asarray(one) for name, one in seen.items()}


DOUBLED = """
[doubled]
formula  = "softmax"
target   = "wrong-off-alignment:*"
dtype    = ["float64", "float32", "bfloat16", "float16"]
layout   = "strided"
versions = {}
class    = "wrong result"
expects  = { hard = 1000, sharp = 10000 }
reason   = "It doubles."
upstream = "not reported"
"""


def test_a_record_of_a_layout_explains_what_is_found_in_that_layout_alone(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    known.write_text(DOUBLED, encoding="utf-8")
    trial = Trial(Examiner(replace(plan("softmax"), known=(known,)), diagnosing=False), target(WrongOffAlignment))
    prey = next(one for one in some(50, "1", "softmax") if int(one.values["k"]) > 8)
    for layout, explained in ((STRIDED, "doubled"), (UNALIGNED, None)):
        found = [one for one in trial.verdicts(replace(prey, layout=layout)) if one.grade == "diverges"]
        assert found
        assert {(one.layout, one.known) for one in found} == {(layout, explained)}
    assert not any(map(failed, trial.verdicts(replace(prey, layout=CONTIGUOUS))))


def test_a_record_of_a_layout_that_no_hunt_draws_is_refused(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(DOUBLED.replace('"strided"', '"stridden"'), encoding="utf-8")
    with pytest.raises(KnownError, match=r"layout: a hunt has none called stridden \(did you mean strided\?\)"):
        on_record([tmp_path / "known.toml"])


def test_what_is_simpler_still_fits_the_formula() -> None:
    for prey in some(40, "3", "conv2d", "multi_head_attention"):
        for smaller in simpler(prey):
            assert smaller.fits
            assert sum(map(np.size, smaller.case.inputs.values())) <= sum(map(np.size, prey.case.inputs.values()))


def test_a_hunt_writes_what_it_tried_and_says_what_it_covered(tmp_path: Path) -> None:
    hunt = Hunt(plan("tanh", "softmax"), tmp_path / "hunt.jsonl", 60.0)
    seen: list[int] = []
    try:
        bag = hunt.run(2.0, lambda bag: seen.append(bag.cases.total()))
    finally:
        hunt.close()
    told = list(bag.told)
    assert seen[-1] == bag.cases.total() > 2
    assert told[0].startswith(f"{bag.cases.total()} cases of 2 formulas, ")
    assert told[1:] == ["nothing found that is not on record"]
    run = merge([tmp_path / "hunt.jsonl"])
    assert len(run.verdicts) > 2
    assert sum(run.summaries[0].counts.values()) == bag.counts.grades.total() > 2


def test_a_hunt_says_where_an_adapter_of_ones_own_is(tmp_path: Path) -> None:
    own = TargetName("nnparity.tests.hunt.test_hunt:LosesTheTail")
    Hunt(replace(plan("tanh"), targets=(own,)), tmp_path / "hunt.jsonl", 60.0).close()
    (line,) = merge([tmp_path / "hunt.jsonl"]).targets.values()
    assert line.properties[ADAPTER] == own.backend


def test_a_bag_tells_each_kind_once_with_its_smallest_cases() -> None:
    bag = Bag(found={("dense", "torch:cpu:eager", "float32", "output", "diverges", ""): ["a", "b", "", ""]})
    assert list(bag.told)[1] == "dense torch:cpu:eager float32 output diverges: 4 times; a; b"


class WrongOnce(NumpyAdapter):
    """Its first answer of a tanh is wrong, and none after that."""

    calls = 0

    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        if request.formula != "tanh":
            return seen
        WrongOnce.calls += 1
        return seen | {"output": 2 * np.asarray(seen["output"])} if WrongOnce.calls == 1 else seen


def test_what_does_not_fail_again_is_shown_as_it_was_drawn(tmp_path: Path) -> None:
    own = TargetName("nnparity.tests.hunt.test_hunt:WrongOnce")
    hunt = Hunt(replace(plan("tanh", dtypes=("float32",)), targets=(own,)), tmp_path / "hunt.jsonl", 60.0)
    try:
        bag = hunt.run(0.0, lambda bag: None)
    finally:
        hunt.close()
    (line,) = list(bag.told)[1:]
    assert line.startswith("tanh wrong-once:cpu:eager float32 output diverges: 1 times; tanh/")
    assert line.endswith(" (not again)")
    assert not merge([tmp_path / "hunt.jsonl"]).cut_short


def test_a_hunt_that_is_broken_off_leaves_a_whole_file(tmp_path: Path) -> None:
    hunt = Hunt(plan("tanh"), tmp_path / "hunt.jsonl", 60.0)

    def interrupted(bag: Bag) -> None:
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            hunt.run(60.0, interrupted)
    finally:
        hunt.close()
    run = merge([tmp_path / "hunt.jsonl"])
    assert not run.cut_short
    assert run.seals
    assert sum(run.summaries[0].counts.values()) == len(run.verdicts) > 0


class HasNone(ForwardOnly):
    """An adapter of one formula that no hunt here asks for."""

    backend = "none"
    put, get = staticmethod(np.array), staticmethod(np.asarray)

    @kernel("numpy.tanh")
    def tanh(self, x: Any) -> Any:
        return np.tanh(x)


@pytest.mark.parametrize("asked", [("softmax",), ("softmax", "tanh")])
def test_a_hunt_that_judged_nothing_says_so(
    asked: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "draws", lambda *_: iter(some(2, "1", "softmax")))
    formulas = [word for name in asked for word in ("--formula", name)]
    own = ("hunt", "--backend", "nnparity.tests.hunt.test_hunt:HasNone", *formulas, "--out", str(tmp_path))
    assert cli.guarded(lambda: cli.application(own)) == 2
    told = capsys.readouterr().err
    assert "nothing was judged on none:cpu:eager" in told
    assert ("every formula of the plan is unsupported there" in told) == (len(asked) == 1)
