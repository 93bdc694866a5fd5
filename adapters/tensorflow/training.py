"""Training in TensorFlow's Keras: models as listed, `compile` and `train_on_batch`, batch after batch.

Losses and gradients are noted as they pass: what train_on_batch itself returns is a running mean in float32.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from nnparity.adapters.keras.models import AS_LISTED, LOGITS, cnn_weights, dense_weights, lstm_weights
from nnparity.adapters.keras.sequences import GATE_ORDER
from nnparity.adapters.kernel import Unsupported, kernel
from nnparity.adapters.shared.training import parted, stacked
from nnparity.adapters.tensorflow.layers import nhwc
from nnparity.adapters.tensorflow.models import CNN, convolutional, perceptron, recurrent, towards

OPTIMIZERS = ("tf.keras.optimizers.SGD", "tf.keras.optimizers.Adam")
HAT = "tf.keras.optimizers.Adam has its eps-hat form only"
losses = tf.keras.losses
#: From our parameters to Keras's.
Layout = Callable[[list[Any]], list[Any]]


def optimizer(optimizer: str, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """Keras's optimiser of that name."""
    if optimizer == "adam":
        raise Unsupported("tf.keras.optimizers.Adam has the eps-hat form only")
    if optimizer == "sgd":
        return tf.keras.optimizers.SGD(lr)
    return tf.keras.optimizers.Adam(lr, beta1, beta2, eps)


class Notes:
    """What passes by in a training run, in the layout of our parameters."""

    def __init__(self, weights: list[Any], layout: Layout) -> None:
        self._weights = weights
        self._layout = layout
        self._rows: list[list[Any]] = []

    def back(self, values: list[Any]) -> list[Any]:
        """From Keras's layout to ours: a layout only moves elements, so it is undone by its own transpose."""
        with tf.GradientTape() as tape:
            tape.watch(self._weights)
            moved = self._layout(self._weights)
        return [tf.convert_to_tensor(g) for g in tape.gradient(moved, self._weights, values)]

    def add(self, loss: Any, gradients: list[Any], variables: list[Any]) -> None:
        """One step is over."""
        values = [tf.identity(variable) for variable in variables]
        self._rows.append([loss, *self.back(gradients), *self.back(values)])

    def result(self) -> tuple[Any, ...]:
        """Each quantity with the steps as its first axis."""
        return stacked(self._rows, tf.stack)


def train(
    model: Any, loss: Any, batches: tuple[Any, ...], weights: list[Any], rule: dict[str, Any], layout: Layout,
    scale: float = 1.0,
) -> tuple[Any, ...]:  # fmt: skip
    """A run of train_on_batch. The model is called eagerly, so that tensors can be noted."""
    eager()
    passing: dict[str, Any] = {}
    note(model, "compute_loss", lambda found, *_, **__: passing.update(loss=found))
    notes = Notes(weights, layout)
    with floats(weights[0].dtype.name):
        moves = optimizer(**rule)
        note(moves, "apply", lambda found, gradients, *_, **__: passing.update(gradients=list(gradients)))
        model.compile(optimizer=moves, loss=loss(), loss_weights=scale, run_eagerly=True, jit_compile=False)
        for variable, value in zip(model.trainable_variables, layout(weights), strict=True):
            variable.assign(value)
        for x, y in zip(*batches, strict=True):
            model.train_on_batch(x, y)
            notes.add(passing["loss"], passing["gradients"], model.trainable_variables)
    return notes.result()


@contextmanager
def floats(dtype: str) -> Iterator[None]:
    """Keras's own float type, in which it keeps learning rates and adds up losses, whatever its layers compute in."""
    before = tf.keras.config.floatx()
    tf.keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        tf.keras.config.set_floatx(before)


def note(owner: Any, name: str, take: Callable[..., Any]) -> None:
    """Have `take` see the result and the arguments of a method of one object."""
    method = getattr(type(owner), name)

    def noted(*arguments: Any, **keywords: Any) -> Any:
        found = method(owner, *arguments, **keywords)
        take(found, *arguments, **keywords)
        return found

    object.__setattr__(owner, name, noted)


def eager() -> None:
    """Raise `Unsupported` inside a tf.function: Keras's training cannot be part of another program."""
    if not tf.executing_eagerly():
        raise Unsupported("Keras's train_on_batch does not run inside a tf.function")


class TensorflowTraining:
    """Training runs, as methods for `TensorflowAdapter`."""

    @kernel(
        "tf.keras.Sequential.train_on_batch",
        using=("tf.keras.layers.Dense", "tf.keras.regularizers.L2", "tf.keras.losses.MeanSquaredError", *OPTIMIZERS),
        convention=f"the loss is a mean over the outputs of a sample, without a half: rescaled; {HAT}",
    )
    def train_mlp(self, x: Any, t: Any, lam: float, **given: Any) -> Any:
        weights, rule = parted(given)
        dtype, outputs = x.dtype.name, t.shape[-1]
        model = perceptron(*weights[0].shape, outputs, "sigmoid", dtype, lam)
        # E = 1/2n of the sum over all outputs; Keras's loss is the mean over them too
        return train(model, losses.MeanSquaredError, (x, t), weights, rule, list, outputs / 2)

    @kernel(
        "tf.keras.Sequential.train_on_batch",
        using=(*CNN, "tf.keras.losses.SparseCategoricalCrossentropy", *OPTIMIZERS),
        convention=f"{AS_LISTED}; {HAT}",
    )
    def train_cnn(self, x: Any, labels: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        batches = (tf.map_fn(nhwc, x), labels)
        loss = losses.SparseCategoricalCrossentropy
        return train(convolutional(x.dtype.name), loss, batches, weights, rule, cnn_weights)

    @kernel(
        "tf.keras.Sequential.train_on_batch",
        using=("tf.keras.layers.LSTM", "tf.keras.layers.Dense", "tf.keras.losses.MeanSquaredError", *OPTIMIZERS),
        convention=f"as listed; {GATE_ORDER}; {HAT}",
    )
    def train_lstm(self, x: Any, t: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        units, inputs = weights[0].shape[1:]
        model = recurrent(inputs, units, x.dtype.name)
        return train(model, losses.MeanSquaredError, (x, t), weights, rule, lstm_weights)

    @kernel(
        "tf.GradientTape",
        using=("tf.keras.layers.Dense", "tf.keras.losses.BinaryCrossentropy", *OPTIMIZERS),
        convention=f"{LOGITS}; {HAT}",
    )
    def train_gan(self, x: Any, z: Any, **given: Any) -> Any:
        eager()
        weights, rule = parted(given)
        start = dense_weights(weights)
        dtype, notes = x.dtype.name, Notes(weights, dense_weights)
        generator = perceptron(*start[0].shape, x.shape[-1], "linear", dtype)
        critic = perceptron(*start[4].shape, 1, "linear", dtype, 0.0, "critic")
        variables = generator.trainable_variables + critic.trainable_variables
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        with floats(dtype):
            moves = [optimizer(**rule), optimizer(**rule)]
            moves[0].build(critic.trainable_variables)
            moves[1].build(generator.trainable_variables)
        for real, noise in zip(x, z, strict=True):
            with tf.GradientTape() as tape:
                loss_d = towards(critic(real), 1.0) + towards(critic(generator(noise)), 0.0)
            d_critic = _step(tape, loss_d, critic, moves[0])
            with tf.GradientTape() as tape:
                loss_g = towards(critic(generator(noise)), 1.0)
            d_generator = _step(tape, loss_g, generator, moves[1])
            notes.add(tf.stack((loss_d, loss_g)), d_generator + d_critic, variables)
        return notes.result()


def _step(tape: Any, loss: Any, model: Any, moves: Any) -> list[Any]:
    gradients = tape.gradient(loss, model.trainable_variables)
    moves.apply(gradients, model.trainable_variables)
    return list(gradients)
