"""A step that trains the parameters alone, x, h and c being data, and one that trains none of them."""

import pytest

from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.tests.checks.inside import lines, verdicts, wrong

RECURRENT = ["lstm_step", "lstm", "lstm_last"]
OWN_GRADIENTS, OWN_TANGENTS = "gradients of the parameters alone", "tangents of the parameters alone"
DATA_GRADIENTS, DATA_TANGENTS = "gradients without the parameters", "tangents without the parameters"


class TrainsInHalf(NumpyAdapter):
    """Where all of the data are constants the first weight has half of its gradient, and outputs half of a tangent."""

    frozen = frozenset({"x", "h", "c"})

    def _gradients(self, operation: Operation, point: Point, primals: Tensors) -> Tensors:
        first, *others = super()._gradients(operation, point, primals)
        return ((0.5 * first).astype(first.dtype) if self.frozen == set(point.rest) else first), *others

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        moved = super().jvp(operation, point)
        return tuple((0.5 * y).astype(y.dtype) for y in moved) if self.frozen == set(point.rest) else moved


class FeedsInHalf(TrainsInHalf):
    """The same where all of the parameters are."""

    frozen = frozenset({"wx", "wh", "b"})


@pytest.mark.parametrize("formula", RECURRENT)
@pytest.mark.parametrize(
    ("adapter", "gradients", "tangents", "first"),
    [(TrainsInHalf, OWN_GRADIENTS, OWN_TANGENTS, "grad.wx"), (FeedsInHalf, DATA_GRADIENTS, DATA_TANGENTS, "grad.x")],
)
def test_a_kernel_for_one_kind_of_input_alone_that_is_wrong_diverges(
    adapter: type[NumpyAdapter], gradients: str, tangents: str, first: str, formula: str
) -> None:
    assert wrong(lines(adapter, "determinism", formula)) == {gradients: {first}}
    assert set(wrong(lines(adapter, "derivatives", formula))) == {tangents}


@pytest.mark.parametrize("formula", [*RECURRENT, "lstm_stacked", "dense", "layer_norm", "attention", "mse"])
def test_they_are_asked_where_no_other_call_is_the_same(formula: str) -> None:
    found = [one for check in ("determinism", "derivatives") for one in lines(NumpyAdapter, check, formula)]
    asked = {OWN_GRADIENTS, DATA_GRADIENTS, OWN_TANGENTS, DATA_TANGENTS} & {one.dataset for one in verdicts(found)}
    assert len(asked) == (4 if formula in RECURRENT else 0)
