"""The orders of the frameworks that are installed here, each followed to the bit: their kernels, and as targets."""

from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import nnparity.command_line.main  # noqa: F401  (adds the commands)
from nnparity.command_line.application import application
from nnparity.summation.arithmetic import order
from nnparity.summation.masks import Measure, tree
from nnparity.summation.of_targets import TRIALS, agreeing

TERMS = (8, 33, 128, 300)


def torch_sum(pairs: Any) -> list[float]:
    torch = pytest.importorskip("torch")
    return [float(torch.sum(torch.from_numpy(x))) for x, _ in pairs]


def torch_matmul(pairs: Any) -> list[float]:
    torch = pytest.importorskip("torch")
    tiles = [(torch.from_numpy(np.tile(x, (5, 1))), torch.from_numpy(np.tile(y[:, None], (1, 6)))) for x, y in pairs]
    return [float((a @ b)[2, 3]) for a, b in tiles]


def numpy_matmul(pairs: Any) -> list[float]:
    return [float((np.tile(x, (5, 1)) @ np.tile(y[:, None], (1, 6)))[2, 3]) for x, y in pairs]


def xla_sum(pairs: Any) -> list[float]:
    jax = pytest.importorskip("jax")
    return [float(jax.jit(jax.numpy.sum)(x)) for x, _ in pairs]


def xla_product(pairs: Any) -> list[float]:
    jax = pytest.importorskip("jax")
    return [float(jax.jit(jax.numpy.dot)(np.tile(x, (5, 1)), np.tile(y[:, None], (1, 6)))[2, 3]) for x, y in pairs]


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize(
    ("measure", "paired"),
    [(torch_sum, False), (torch_matmul, True), (numpy_matmul, True), (xla_sum, False), (xla_product, True)],
)
def test_a_framework_adds_up_as_its_tree_says(measure: Measure, paired: bool, terms: int) -> None:
    found = order(measure, tree(measure, terms, "float32"), "float32")
    assert agreeing(measure, found, paired) == TRIALS


def test_the_command_tells_orders_and_ends_with_0() -> None:
    told = CliRunner().invoke(application, ["order", "numpy", "--terms", "9", "--trees"])
    assert told.exit_code == 0, told.output
    assert "sums of rows, 9 terms: in the order of the index, kept in float64" in told.output
    assert "    0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8" in told.output


def test_a_dtype_that_there_is_not_is_refused() -> None:
    assert CliRunner().invoke(application, ["order", "numpy", "--dtype", "float"]).exit_code != 0
