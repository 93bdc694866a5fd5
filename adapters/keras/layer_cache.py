"""Keras layers and optimisers as functions: built once for a shape and dtype, then given our own numbers.

For Keras on each backend, and for `tf.keras`, which is the same code: its modules are imported once Keras knows its
backend.

Weights start from zeros of NumPy's: they are always replaced, the default initialiser of an LSTM cannot draw in
bfloat16, and on JAX each shape that Keras draws or fills is a program to compile. Optimisers are given theirs by
assignment, as on TensorFlow they have no stateless form, except on JAX, where assignment would leak out of a function
that is being compiled.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial, wraps
from inspect import signature
from threading import get_ident
from typing import Any

import keras
import numpy as np
from keras import config, initializers, layers, ops, optimizers

BUILT = 64
# As Keras comes, as images are given here and as budgets and records take learning rates and clipped probabilities.
# A user's own file of settings may say otherwise, for models of his own.
config.set_image_data_format("channels_last")
config.set_floatx("float32")
config.set_epsilon(1e-7)
Shape = tuple[int | None, ...]


def dtype_of(x: Any) -> str:
    """The name of a tensor's dtype, as Keras wants it."""
    name: str = keras.backend.standardize_dtype(x.dtype)
    return name


def float_of(*tensors: Any) -> str:
    """The dtype of the first of them that is floating: a layer has no other, whatever integers it is given."""
    names = [dtype_of(tensor) for tensor in tensors]
    return next(filter(keras.backend.is_float_dtype, names), names[0])


@lru_cache(maxsize=BUILT)
def layer(name: str, dtype: str, *shapes: Shape, **options: Any) -> Any:
    """`keras.layers.<name>(dtype=dtype, **options)`, built for inputs of these shapes."""
    with now():
        made = from_zeros(getattr(layers, name), dtype=dtype, **options)
        made.build(*shapes)
    return made


def from_zeros(kind: type, **options: Any) -> Any:
    """The layer, its weights zeros at first, an LSTM's bias of the forget gates too."""
    named = signature(kind).parameters
    filled = {name: Zeros() for name in named if name.endswith("_initializer")}
    return kind(**filled, **{name: False for name in ("unit_forget_bias",) if name in named}, **options)


class Zeros(initializers.Initializer):
    """Zeros of NumPy's."""

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        return given(np.zeros(shape, dtype))


def given(array: Any) -> Any:
    """A user's own numbers; on JAX put there as they are, as Keras would have each shape converted by a program."""
    if keras.backend.backend() != "jax":
        return array
    import jax

    return jax.device_put(array)


def now() -> AbstractContextManager[Any]:
    """Variables are numbers from the start, also where JAX is tracing a function that it will compile."""
    if keras.backend.backend() != "jax":
        return nullcontext()
    import jax

    return jax.ensure_compile_time_eval()


def lstm(inputs: int, units: int, dtype: str, sequences: bool) -> Any:
    """A layer with its default activations, sigmoid and tanh, that also returns its last states."""
    options = {"return_sequences": sequences, "return_state": True}
    return layer("LSTM", dtype, (None, None, inputs), units=units, **options)


def lstm_cell(inputs: int, units: int, dtype: str) -> Any:
    """A cell with its default activations."""
    return layer("LSTMCell", dtype, (None, inputs), units=units)


@lru_cache(maxsize=BUILT)
def stacked_lstm(inputs: int, units: int, dtype: str) -> Any:
    """Two cells in one recurrent layer that returns the last state of the second."""
    with now():
        cells = [from_zeros(layers.LSTMCell, units=units, dtype=dtype) for _ in range(2)]
        made = layers.RNN(layers.StackedRNNCells(cells, dtype=dtype), dtype=dtype)
        made.build((None, None, inputs))
    return made


def multi_head_attention(width: int, heads: int, dtype: str) -> Any:
    """Self-attention with biases and heads of equal width."""
    shape = (None, None, width)
    return layer("MultiHeadAttention", dtype, shape, shape, num_heads=heads, key_dim=width // heads)


def call(made: Any, weights: list[Any], *inputs: Any, **options: Any) -> Any:
    """The layer's result with `weights` in place of its trainable variables; its random state stays."""
    state = [variable.value for variable in made.non_trainable_variables]
    result, _ = made.stateless_call(weights, state, *inputs, **options)
    return result


def one_a_thread(make: Callable[..., Any]) -> Callable[..., Any]:
    """What is made once for its arguments, in each thread: an optimiser's variables are nothing for two at once."""

    @lru_cache(maxsize=BUILT)
    def made(_thread: int, *arguments: Any) -> Any:
        return make(*arguments)

    return wraps(make)(lambda *arguments: made(get_ident(), *arguments))


@one_a_thread
def sgd(lr: float, size: int, dtype: str) -> tuple[Any, Any]:
    """Plain gradient descent, and the variable it changes."""
    return optimizer(partial(optimizers.SGD, lr), size, dtype)


@one_a_thread
def adam(lr: float, beta1: float, beta2: float, eps: float, size: int, dtype: str) -> tuple[Any, Any]:
    """Adam in Keras's own form (its epsilon comes before the bias correction), and the variable it changes."""
    return optimizer(partial(optimizers.Adam, lr, beta1, beta2, eps), size, dtype)


def optimize(built: tuple[Any, Any], w: Any, g: Any, *moments: Any, step: int) -> tuple[Any, ...]:
    """The parameters and the moments after step number `step`, from those before it."""
    made, variable = built
    if keras.backend.backend() == "jax":
        done, rate = made.variables[:2]
        state = [ops.cast(step - 1, done.dtype), rate.value, *moments]
        (w,), state = made.stateless_apply(state, [g], [w])
        return (w, *state[2:])
    # An optimiser's variables: the number of steps done, the learning rate, then the moments.
    slots = (variable, *made.variables[2:])
    made.variables[0].assign(step - 1)
    for slot, value in zip(slots, (w, *moments), strict=True):
        slot.assign(value)
    made.apply([g], [variable])
    return tuple(ops.copy(slot.value) for slot in slots)


def optimizer(make: Callable[[], Any], size: int, dtype: str) -> tuple[Any, Any]:
    """An optimiser of Keras's, built, and the variable it changes."""
    with now():
        made = make()
        variable = keras.Variable(Zeros(), (size,), dtype)
        made.build([variable])
    return made, variable
