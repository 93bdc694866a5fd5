"""The primer's listings as TensorFlow's Keras builds them: `tf.keras.Sequential`, our parameters its weights."""

from functools import lru_cache
from typing import Any

import tensorflow as tf

from nnparity.adapters.keras.layer_cache import call
from nnparity.adapters.keras.models import AS_LISTED, LOGITS, cnn_weights, dense_weights, lstm_weights
from nnparity.adapters.keras.sequences import GATE_ORDER
from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.tensorflow.layers import nhwc

layers = tf.keras.layers
BUILT = 32
#: What listing 4.2 is made of.
CNN = ("tf.keras.layers.Conv2D", "tf.keras.layers.MaxPooling2D", "tf.keras.layers.Flatten", "tf.keras.layers.Dense")


def sequential(shape: tuple[Any, ...], dtype: str, *stack: Any) -> Any:
    """A model of layers that compute in `dtype`."""
    with tf.device("cpu"):
        return tf.keras.Sequential([layers.Input(shape, dtype=dtype), *stack])


@lru_cache(maxsize=BUILT)
def perceptron(inputs: int, units: int, outputs: int, last: str, dtype: str, lam: float = 0.0, role: str = "") -> Any:
    """Two dense layers, tanh behind the first, `last` behind the second; models of another `role` share nothing."""
    penalty = {"kernel_regularizer": tf.keras.regularizers.L2(lam)} if lam else {}
    return sequential(
        (inputs,),
        dtype,
        layers.Dense(units, activation="tanh", dtype=dtype, **penalty),
        layers.Dense(outputs, activation=last, dtype=dtype, **penalty),
    )


@lru_cache(maxsize=BUILT)
def convolutional(dtype: str) -> Any:
    """Listing 4.2 as it stands there."""
    relu: dict[str, Any] = {"activation": "relu", "dtype": dtype}
    return sequential(
        (32, 32, 3),
        dtype,
        layers.Conv2D(32, (3, 3), **relu),
        layers.MaxPooling2D((2, 2), dtype=dtype),
        layers.Conv2D(64, (3, 3), **relu),
        layers.MaxPooling2D((2, 2), dtype=dtype),
        layers.Conv2D(64, (3, 3), **relu),
        layers.Flatten(dtype=dtype),
        layers.Dense(64, **relu),
        layers.Dense(10, activation="softmax", dtype=dtype),
    )


@lru_cache(maxsize=BUILT)
def recurrent(inputs: int, units: int, dtype: str) -> Any:
    """Listing 4.3 as it stands there."""
    return sequential(
        (None, inputs),
        dtype,
        layers.LSTM(units, return_sequences=True, dtype=dtype),
        layers.LSTM(units, return_sequences=False, dtype=dtype),
        layers.Dense(1, activation="linear", dtype=dtype),
    )


def towards(logits: Any, target: float) -> Any:
    """The cross-entropy of the discriminator's logits against all ones or all zeros."""
    loss = tf.keras.losses.BinaryCrossentropy(from_logits=True, dtype=logits.dtype.name)
    return loss(tf.fill(tf.shape(logits), tf.constant(target, logits.dtype)), logits)


class TensorflowModels:
    """The listings, as methods for `TensorflowAdapter`."""

    @composed("tf.matmul, +, tf.tanh, tf.sigmoid, tf.stack", because="no layer has two activations")
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        hidden = tf.stack([f(x @ w + b) for f in (tf.tanh, tf.sigmoid)])
        return tf.stack([f(hidden @ w + b) for f in (tf.tanh, tf.sigmoid)])

    @kernel(
        "tf.keras.Sequential",
        using=("tf.keras.layers.Dense",),
        convention="its kernels are (in, out), as the listing's",
    )
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        model = perceptron(*w1.shape, w2.shape[1], "sigmoid", x.dtype.name)
        return call(model, [w1, b1, w2, b2], x)

    @kernel(
        "tf.keras.Sequential",
        using=(*CNN, "tf.keras.losses.SparseCategoricalCrossentropy"),
        convention=AS_LISTED,
    )
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        y = call(convolutional(x.dtype.name), cnn_weights(list(p.values())), nhwc(x))
        return y, tf.keras.losses.SparseCategoricalCrossentropy(dtype=x.dtype.name)(labels, y)

    @kernel(
        "tf.keras.Sequential",
        using=("tf.keras.layers.LSTM", "tf.keras.layers.Dense", "tf.keras.losses.MeanSquaredError"),
        convention=f"as listed; {GATE_ORDER}",
    )
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        units, inputs = p["wx1"].shape[1:]
        y = call(recurrent(inputs, units, x.dtype.name), lstm_weights(list(p.values())), x)
        return y, tf.keras.losses.MeanSquaredError(dtype=x.dtype.name)(t, y)

    @kernel(
        "tf.keras.Sequential",
        using=("tf.keras.layers.Dense", "tf.keras.losses.BinaryCrossentropy"),
        convention=LOGITS,
    )
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = dense_weights(list(p.values()))
        generator = perceptron(*weights[0].shape, x.shape[1], "linear", x.dtype.name)
        discriminator = perceptron(*weights[4].shape, 1, "linear", x.dtype.name)
        made = call(generator, weights[:4], z)
        real, fake = (call(discriminator, weights[4:], samples) for samples in (x, made))
        return made, towards(real, 1.0) + towards(fake, 0.0), towards(fake, 1.0)
