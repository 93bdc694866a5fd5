"""The listings of the primer as models, composed from the formulas."""

from nnparity.reference.models import bert, cnn, gan, lstm, mlp, trained, training

__all__ = ["bert", "cnn", "gan", "lstm", "mlp", "trained", "training"]
