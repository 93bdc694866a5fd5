"""The noise that would be caught: its closed form is what the judge says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.expect.expected import Expected
from nnparity.judge.grades import furthest, judge
from nnparity.mutate import sensitivity_curve
from nnparity.mutate.planting import Memory
from nnparity.mutate.sensitivity_curve import RUNS, curve, thresholds
from nnparity.spec import DTYPES, load
from nnparity.spec.precision import FUSED
from nnparity.tests.checks.inside import target


class Recorded(np.random.Generator):
    """The noise of each run, so that it can be judged."""

    def standard_normal(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.drawn = super().standard_normal(*args, **kwargs)
        return self.drawn


@pytest.mark.parametrize("low", [0.0, 1e-5])
def test_just_below_the_threshold_conforms_and_just_above_does_not(low: float) -> None:
    """`low` as in float64, where what is expected has more digits than the dtype."""
    random = Recorded(np.random.PCG64(3))
    value = random.uniform(1, 2, 50)
    truth = Expected(value, 1e-3 * value, 2e-5 * value, low)
    seen = value + 1e-6 * random.standard_normal(50)
    dtype = DTYPES["float64"]
    found = thresholds(seen, truth, dtype, random)
    for run in range(0, RUNS, 20):
        for factor, conforms in ((0.999, True), (1.001, False)):
            off = seen + factor * found[run] * dtype.unit * value * random.drawn[run]
            assert (judge(off, truth, dtype).grade == "conforms") == conforms


def test_one_element_far_off_is_caught_by_the_hard_budget() -> None:
    random = Recorded(np.random.PCG64(3))
    value = np.ones(1000)
    truth = Expected(value, np.full(1000, 1e-9), np.full(1000, 1.0))
    dtype = DTYPES["float64"]
    found = thresholds(value, truth, dtype, random)
    expected = 1e-9 / dtype.unit / np.abs(random.drawn).max(axis=1)
    assert (np.abs(found - expected) <= 1e-12 * expected).all()


def test_one_element_far_off_is_caught_by_chance_s_limit_too() -> None:
    random = Recorded(np.random.PCG64(3))
    value, sharp = np.ones(1000), np.full(1000, 1.0)
    sharp[7] = 1e-3
    truth = Expected(value, np.full(1000, 1.0), sharp)
    dtype = DTYPES["bfloat16"]
    found = thresholds(value, truth, dtype, random)
    expected = furthest(truth, dtype) * 1e-3 / dtype.unit / np.abs(random.drawn[:, 7])
    assert (found <= expected * (1 + 1e-12)).all()
    assert (found > 0.99 * expected).any()


def test_what_is_exact_shows_any_noise_and_nothing_is_undefined() -> None:
    value, exact = np.ones(4), np.zeros(4)
    with np.errstate(invalid="raise"):
        for dtype in ("float64", "bfloat16"):
            truth = Expected(value, exact, exact)
            assert (thresholds(value, truth, DTYPES[dtype], np.random.default_rng(3)) == 0).all()


def test_half_the_runs_need_less_noise_than_nearly_all_and_coarse_formats_as_much_of_their_own() -> None:
    memory = Memory(target(NumpyAdapter))
    for dtype in DTYPES:
        found = curve(memory, load()["softmax"], dtype, "quick")
        assert 0 < found.half <= found.nearly_all < 64


def test_noise_that_is_never_caught_is_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity_curve, "_observed", lambda *_: iter(()))
    found = curve(Memory(target(NumpyAdapter)), load()["softmax"], "float32", "quick")
    assert found.half == found.nearly_all == np.inf


def test_it_is_held_to_the_model_that_the_target_declares() -> None:
    usual, fused = Memory(target(NumpyAdapter)), Memory(target(NumpyAdapter))
    inside: Any = fused.target.observer
    inside.info = replace(inside.info, precision={("layer_norm", "*float16", "output*"): FUSED})
    one, other = (curve(memory, load()["layer_norm"], "float16", "quick").half for memory in (usual, fused))
    assert other < one
