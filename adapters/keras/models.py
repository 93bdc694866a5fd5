"""The primer's listings as they stand there: `keras.Sequential`, with our parameters as its weights."""

from functools import lru_cache
from typing import Any

import keras
from keras import layers, losses, ops

from nnparity.adapters.keras.layer_cache import BUILT, call, dtype_of, from_zeros, now
from nnparity.adapters.keras.layers import nhwc
from nnparity.adapters.keras.sequences import GATE_ORDER, parameters
from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.shared.layouts import HWIO

#: What listing 4.2 is made of.
CNN = ("keras.layers.Conv2D", "keras.layers.MaxPooling2D", "keras.layers.Flatten", "keras.layers.Dense")
AS_LISTED = "as listed; images and kernels are transposed to channels last"
LOGITS = "the losses are called with from_logits=True"


def sequential(shape: tuple[int | None, ...], dtype: str, *stack: tuple[type, dict[str, Any]]) -> Any:
    """A model of layers that compute in `dtype`, for samples of a shape."""
    with now():
        return keras.Sequential(
            [layers.Input(shape, dtype=dtype), *(from_zeros(kind, dtype=dtype, **options) for kind, options in stack)]
        )


@lru_cache(maxsize=BUILT)
def perceptron(inputs: int, units: int, outputs: int, last: str, dtype: str) -> Any:
    """Two dense layers, tanh behind the first, `last` behind the second."""
    return sequential(
        (inputs,),
        dtype,
        (layers.Dense, {"units": units, "activation": "tanh"}),
        (layers.Dense, {"units": outputs, "activation": last}),
    )


@lru_cache(maxsize=BUILT)
def convolutional(dtype: str) -> Any:
    """The layers of listing 4.2."""
    return sequential(
        (32, 32, 3),
        dtype,
        (layers.Conv2D, {"filters": 32, "kernel_size": (3, 3), "activation": "relu"}),
        (layers.MaxPooling2D, {"pool_size": (2, 2)}),
        (layers.Conv2D, {"filters": 64, "kernel_size": (3, 3), "activation": "relu"}),
        (layers.MaxPooling2D, {"pool_size": (2, 2)}),
        (layers.Conv2D, {"filters": 64, "kernel_size": (3, 3), "activation": "relu"}),
        (layers.Flatten, {}),
        (layers.Dense, {"units": 64, "activation": "relu"}),
        (layers.Dense, {"units": 10, "activation": "softmax"}),
    )


@lru_cache(maxsize=BUILT)
def recurrent(inputs: int, units: int, dtype: str) -> Any:
    """The layers of listing 4.3."""
    return sequential(
        (None, inputs),
        dtype,
        (layers.LSTM, {"units": units, "return_sequences": True}),
        (layers.LSTM, {"units": units, "return_sequences": False}),
        (layers.Dense, {"units": 1, "activation": "linear"}),
    )


def cnn_weights(p: list[Any]) -> list[Any]:
    """Kernels as (p, q, c, o), weights of dense layers as (in, out)."""
    kernels = [ops.transpose(w, HWIO) if len(w.shape) == 4 else ops.transpose(w) for w in p[::2]]
    return [w for pair in zip(kernels, p[1::2], strict=True) for w in pair]


def lstm_weights(p: list[Any]) -> list[Any]:
    """Gates in Keras's order, i, f, c, o, weights as (in, 4 units)."""
    return [*parameters(*p[:3]), *parameters(*p[3:6]), ops.transpose(p[6]), p[7]]


def dense_weights(p: list[Any]) -> list[Any]:
    """Weights as (in, out)."""
    return [ops.transpose(w) if len(w.shape) == 2 else w for w in p]


def towards(logits: Any, target: float) -> Any:
    """The cross-entropy of the discriminator's logits against all ones or all zeros."""
    loss = losses.BinaryCrossentropy(from_logits=True, dtype=dtype_of(logits))
    return loss(ops.full_like(logits, target), logits)


class KerasModels:
    """The listings, by formula id."""

    @composed(
        "keras.ops.matmul, +, keras.ops.tanh, keras.ops.sigmoid, keras.ops.stack",
        because="no layer has two activations",
    )
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        hidden = ops.stack([f(ops.matmul(x, w) + b) for f in (ops.tanh, ops.sigmoid)])
        return ops.stack([f(ops.matmul(hidden, w) + b) for f in (ops.tanh, ops.sigmoid)])

    @kernel("keras.Sequential", using=("keras.layers.Dense",), convention="its kernels are (in, out), as the listing's")
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return call(perceptron(*w1.shape, w2.shape[1], "sigmoid", dtype_of(x)), [w1, b1, w2, b2], x)

    @kernel("keras.Sequential", using=(*CNN, "keras.losses.sparse_categorical_crossentropy"), convention=AS_LISTED)
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        y = call(convolutional(dtype_of(x)), cnn_weights(list(p.values())), nhwc(x))
        return y, ops.mean(losses.sparse_categorical_crossentropy(labels, y))

    @kernel(
        "keras.Sequential",
        using=("keras.layers.LSTM", "keras.layers.Dense", "keras.losses.mean_squared_error"),
        convention=f"as listed; {GATE_ORDER}",
    )
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        units, inputs = p["wx1"].shape[1:]
        y = call(recurrent(inputs, units, dtype_of(x)), lstm_weights(list(p.values())), x)
        return y, ops.mean(losses.mean_squared_error(t, y))

    @kernel("keras.Sequential", using=("keras.layers.Dense", "keras.losses.BinaryCrossentropy"), convention=LOGITS)
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = dense_weights(list(p.values()))
        generator = perceptron(*weights[0].shape, x.shape[1], "linear", dtype_of(x))
        discriminator = perceptron(*weights[4].shape, 1, "linear", dtype_of(x))
        made = call(generator, weights[:4], z)
        real, fake = (call(discriminator, weights[4:], samples) for samples in (x, made))
        return made, towards(real, 1.0) + towards(fake, 0.0), towards(fake, 1.0)
