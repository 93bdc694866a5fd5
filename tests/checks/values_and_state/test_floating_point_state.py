"""A kernel that leaves its thread flushing, or rounding otherwise, fails itself; what is asked after it does not."""

import platform
from typing import Any

import pytest
import torch

from nnparity.adapters.kernel import kernel
from nnparity.adapters.shared import floating_point
from nnparity.adapters.shared.floating_point import LeftOtherwise, kept, said, state
from nnparity.adapters.torch.backend import TorchAdapter
from nnparity.tests.checks.inside import lines, verdicts, wrong

#: What x86 has for rounding down, up, and towards zero.
MODES = {0x400: "rounds down", 0x800: "rounds up", 0xC00: "rounds towards zero"}
USUAL = state()


class LeavesFlushing(TorchAdapter):
    """The kernel of one formula goes faster so, and leaves it on."""

    @kernel("torch.square")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        y = super().l2_penalty(w, lam)
        torch.set_flush_denormal(True)
        return y


class FlushesMeanwhile(TorchAdapter):
    """The same, put back when it is done."""

    @kernel("torch.square")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        torch.set_flush_denormal(True)
        y = super().l2_penalty(w, lam)
        torch.set_flush_denormal(False)
        return y


def test_who_leaves_it_on_fails_and_nobody_else_is_blamed() -> None:
    told = [
        *verdicts(lines(LeavesFlushing, "specials", "l2_penalty")),
        *verdicts(lines(LeavesFlushing, "subnormals", "l2_penalty", "relu", "dense")),
    ]
    failed = [one for one in told if one.grade == "error"]
    assert {one.formula for one in failed} == {"l2_penalty"}
    assert all("flushes subnormal results to zero" in (one.message or "") for one in failed)
    assert {one.grade for one in told if one.formula != "l2_penalty"} == {"conforms"}
    assert state() == USUAL


def test_who_puts_it_back_conforms() -> None:
    assert wrong(lines(FlushesMeanwhile, "determinism", "l2_penalty")) == {}


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the numbers of the modes are those of x86")
@pytest.mark.parametrize("mode", MODES)
def test_each_way_of_rounding_is_told_and_put_back(mode: int) -> None:
    library = floating_point._LIBRARY
    assert library is not None
    with pytest.raises(LeftOtherwise, match=MODES[mode]), kept("it"):
        library.fesetround(mode)
    assert state() == USUAL


def _raising() -> None:
    torch.set_flush_denormal(True)
    raise KeyError("it")


def test_what_was_raised_comes_first() -> None:
    with pytest.raises(KeyError), kept("it"):
        _raising()
    assert state() == USUAL


def test_a_state_in_words() -> None:
    assert said(USUAL) == "keeps subnormal numbers and rounds to nearest"
    assert said((True, True, *USUAL[2:])) == "flushes subnormal results to zero and takes subnormal inputs for zero"
