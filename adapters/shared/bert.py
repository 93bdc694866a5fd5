"""The parameters of the BERT of listing 4.4: each a stack with the layers as its first axis."""

from collections.abc import Mapping
from typing import Any

#: Those of one layer.
LAYER = (
    *("wq", "bq", "wk", "bk", "wv", "bv", "wo", "bo", "gamma1", "beta1"),
    *("w1", "b1", "w2", "b2", "gamma2", "beta2"),
)


def of_layer(parameters: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Those of the layer of that number, by name."""
    return {name: parameters[name][number] for name in LAYER}
