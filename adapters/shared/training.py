"""A training run's hyperparameters, and its trace: losses, gradients and parameters, step by step."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nnparity.adapters.kernel import Tensor, Tensors

#: What the spec's training formulas say of the optimiser; everything else with a name is a parameter of the model.
HYPERPARAMETERS = ("optimizer", "lr", "beta1", "beta2", "eps")


def parted(given: Mapping[str, Any]) -> tuple[list[Tensor], dict[str, Any]]:
    """The parameters in the order of the spec, and the numbers of the optimiser by name."""
    weights = [value for name, value in given.items() if name not in HYPERPARAMETERS]
    return weights, {name: given[name] for name in HYPERPARAMETERS}


def stacked(rows: Iterable[Iterable[Tensor]], stack: Callable[[Tensors], Tensor]) -> Tensors:
    """Each quantity with the steps as its first axis, from a row of all quantities for each step."""
    return tuple(stack(column) for column in zip(*rows, strict=True))
