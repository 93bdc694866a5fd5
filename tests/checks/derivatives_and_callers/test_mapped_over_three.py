"""A batching rule that takes the first member for all is caught, and a workspace that a second call overwrites."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.tests.checks.inside import ALL, lines, wrong

LATE, MEMBERS, LAST_WEIGHT, COTANGENTS = (
    "pulled back after another call",
    "mapped over three sets of weights",
    "mapped over three of the last weight",
    "mapped over three cotangents",
)


#: Formulas with several inputs that all samples share.
SEVERAL_WEIGHTS = ("dense", "layer_norm", "lstm")


class FirstForAll(NumpyAdapter):
    """Whatever is mapped, along an axis of three, is given the first each time."""

    place = 0
    #: Whether by the rule for a single array that varies, beside others that do not, and by no other.
    single = False

    def vmap(self, program: Callable[..., Tensors]) -> Callable[..., Tensors]:
        mapped = super().vmap(program)

        def run(*arrays: Any) -> Tensors:
            taken = len(arrays) == 1 or not self.single
            return mapped(*(np.broadcast_to(x[[self.place]], x.shape) if taken and len(x) == 3 else x for x in arrays))

        return run


class LastForAll(FirstForAll):
    """Each is given the last."""

    place = -1


class FirstOfOne(FirstForAll):
    """Each is given the first where one array varies."""

    single = True


class LastOfOne(LastForAll):
    """Each is given the last where one array varies."""

    single = True


class OneWorkspaceForEachShape(NumpyAdapter):
    """What the gradients need lies where the last forward call of the shape has put it."""

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs = operation(*point.primals, **point.rest)
        return outputs, self.vjp(operation, point._replace(primals=point.tangents))[1]


@pytest.mark.parametrize("formula", ["dense", "conv2d", "layer_norm", "lstm", "embedding", "multi_head_attention"])
def test_the_first_members_weights_for_all(formula: str) -> None:
    found = wrong(lines(FirstForAll, "determinism", formula))
    assert {MEMBERS, COTANGENTS} <= set(found)
    assert "output" in {name.partition(".")[0] for name in found[MEMBERS]}


@pytest.mark.parametrize("formula", ["tanh", "mse", "attention", "max_pool2d"])
def test_the_first_cotangent_for_all(formula: str) -> None:
    found = wrong(lines(FirstForAll, "determinism", formula))
    assert COTANGENTS in found
    assert MEMBERS not in found


@pytest.mark.parametrize("formula", SEVERAL_WEIGHTS)
@pytest.mark.parametrize("adapter", [FirstOfOne, LastOfOne])
def test_one_for_all_where_the_last_weight_alone_varies(adapter: type[Adapter], formula: str) -> None:
    found = wrong(lines(adapter, "determinism", formula))
    assert LAST_WEIGHT in found
    assert MEMBERS not in found


@pytest.mark.parametrize("formula", ["dense", "conv2d", "layer_norm", "lstm", "embedding", "tanh", "mse"])
def test_the_last_for_all(formula: str) -> None:
    found = wrong(lines(LastForAll, "determinism", formula))
    members = {MEMBERS} if formula not in ("tanh", "mse") else set()
    members |= {LAST_WEIGHT} if formula in SEVERAL_WEIGHTS else set()
    assert set(found) - {"mapped over samples"} == {COTANGENTS} | members


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("formula", ["lstm", "relu", "tanh", "layer_norm", "mse", "softmax", "max_pool2d"])
def test_a_workspace_that_a_second_call_overwrites(formula: str, dtype: str) -> None:
    found = wrong(lines(OneWorkspaceForEachShape, "determinism", formula, dtypes=(dtype,)))
    assert set(found) == {LATE}
    assert {name.partition(".")[0] for name in found[LATE]} == {"grad"}


@pytest.mark.parametrize("formula", ["dense", "lstm", "attention", "cross_entropy", "embedding"])
@pytest.mark.parametrize("adapter", [NumpyAdapter])
def test_the_reference_conforms(adapter: type[Adapter], formula: str) -> None:
    assert wrong(lines(adapter, "determinism", formula)) == {}
