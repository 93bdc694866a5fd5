"""The listings of the primer as models, composed from the formulas, and their training.

A module for each model; `training` is any model's steps one after the other, `trained` the runs of the spec. What is
one formula belongs to `nnparity.reference.formulas`; no framework and no tolerance is known here.
"""

from nnparity.reference.models import bert, cnn, gan, lstm, mlp, trained, training

__all__ = ["bert", "cnn", "gan", "lstm", "mlp", "trained", "training"]
