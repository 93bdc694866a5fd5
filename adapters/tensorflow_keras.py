"""Keras layers as functions: built once for a shape and dtype, then called with our own weights.

Weights start from zeros: they are always replaced, and the default initialiser of an LSTM cannot
draw in bfloat16.
"""

from functools import lru_cache
from typing import Any

import tensorflow as tf

BUILT = 64


@lru_cache(maxsize=BUILT)
def lstm_cell(inputs: int, units: int, dtype: str) -> Any:
    """A cell with its default activations, sigmoid and tanh."""
    cell = tf.keras.layers.LSTMCell(units, dtype=dtype, **_zeros("kernel", "recurrent"))
    cell.build((None, inputs))
    return cell


@lru_cache(maxsize=BUILT)
def lstm_layer(inputs: int, units: int, dtype: str, sequences: bool) -> Any:
    """A layer that also returns its last states."""
    layer = tf.keras.layers.LSTM(
        units, return_sequences=sequences, return_state=True, dtype=dtype, **_zeros("kernel", "recurrent")
    )
    layer.build((None, None, inputs))
    return layer


@lru_cache(maxsize=BUILT)
def attention_layer(width: int, heads: int, dtype: str) -> Any:
    """Self-attention with biases and heads of equal width."""
    layer = tf.keras.layers.MultiHeadAttention(heads, width // heads, dtype=dtype, **_zeros("kernel"))
    layer.build((None, None, width), (None, None, width))
    return layer


def call(layer: Any, weights: list[Any], *inputs: Any, **options: Any) -> Any:
    """The layer's result with `weights` in place of its trainable variables; its random state stays."""
    state = [variable.value for variable in layer.non_trainable_variables]
    result, _ = layer.stateless_call(weights, state, *inputs, **options)
    return result


def _zeros(*names: str) -> dict[str, str]:
    return {f"{name}_initializer": "zeros" for name in names}
