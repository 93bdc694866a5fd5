"""The truth: every formula of the spec in plain NumPy, each with its VJP beside it.

One module per chapter of the primer. The code reads like the mathematics and knows no framework;
run on a reading (`reference.readings`) instead of an array, it yields derivatives, error budgets or proofs.
"""

from nnparity.reference import models
from nnparity.reference.formulas import (
    activation,
    bert,
    convolution,
    gan,
    layer_norm,
    loss,
    mlp,
    optimizer,
    recurrent,
    transformer,
)
from nnparity.reference.registry import FORMULAS, Reference

__all__ = [
    "FORMULAS",
    "Reference",
    "activation",
    "bert",
    "convolution",
    "gan",
    "layer_norm",
    "loss",
    "mlp",
    "models",
    "optimizer",
    "recurrent",
    "transformer",
]
