"""Keras layers and optimisers as functions: built once for a shape and dtype, then given our own numbers.

Weights start from zeros: they are always replaced, and the default initialiser of an LSTM cannot
draw in bfloat16. Optimisers are given theirs by assignment: on TensorFlow they have no stateless form.
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


@lru_cache(maxsize=BUILT)
def sgd(lr: float, size: int, dtype: str) -> tuple[Any, Any]:
    """Plain gradient descent, and the variable it changes."""
    return _built(tf.keras.optimizers.SGD(lr), size, dtype)


@lru_cache(maxsize=BUILT)
def adam(lr: float, beta1: float, beta2: float, eps: float, size: int, dtype: str) -> tuple[Any, Any]:
    """Adam in Keras's own form (its epsilon comes before the bias correction), and the variable it changes."""
    return _built(tf.keras.optimizers.Adam(lr, beta1, beta2, eps), size, dtype)


def optimize(built: tuple[Any, Any], w: Any, g: Any, *moments: Any, step: int) -> tuple[Any, ...]:
    """The parameters and the moments after step number `step`, from those before it."""
    optimizer, variable = built
    # An optimiser's variables: the number of steps done, the learning rate, then the moments.
    slots = (variable, *optimizer.variables[2:])
    optimizer.variables[0].assign(step - 1)
    for slot, value in zip(slots, (w, *moments), strict=True):
        slot.assign(value)
    optimizer.apply([g], [variable])
    return tuple(tf.identity(slot.value) for slot in slots)


def _built(optimizer: Any, size: int, dtype: str) -> tuple[Any, Any]:
    variable = tf.keras.Variable(tf.zeros(size, dtype), dtype=dtype)
    optimizer.build([variable])
    return optimizer, variable


def _zeros(*names: str) -> dict[str, str]:
    return {f"{name}_initializer": "zeros" for name in names}
