"""Training in Keras as the listings write it: `compile`, then `train_on_batch`, by the optimisers of Keras.

A run in a dtype sets `keras.config.set_floatx`, as a user would. The gradients of a step are not among what Keras
returns: the optimiser keeps them in variables of its own. Where Keras compiles a step (JAX, TensorFlow), it does so
here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, losses, ops, optimizers, regularizers

from nnparity.adapters.base import Adapter
from nnparity.adapters.keras.layer_cache import Zeros, dtype_of, given
from nnparity.adapters.keras.models import AS_LISTED, CNN, LOGITS, convolutional, perceptron, recurrent, sequential
from nnparity.adapters.keras.sequences import GATE_ORDER
from nnparity.adapters.kernel import Operation, Program, Tensor, Tensors, Unsupported, kernel
from nnparity.adapters.request import Array
from nnparity.adapters.shared.gates import ifco
from nnparity.adapters.shared.layouts import HWIO, OIHW
from nnparity.adapters.shared.training import parted

OPTIMIZERS = ("keras.optimizers.SGD", "keras.optimizers.Adam")
HAT = "keras.optimizers.Adam has its eps-hat form only"


class Layout(NamedTuple):
    """How a parameter of the spec becomes one of Keras, and how an array of one for each step comes back."""

    there: Callable[[Array], Array]
    back: Callable[[Array], Array]


def gates(blocks: Array, axis: int = 0) -> Array:
    """The blocks of the gates i, f, o, c along an axis in the order i, f, c, o; and back again."""
    return np.stack(ifco(np.moveaxis(blocks, axis, 0)), axis)


SAME = Layout(lambda w: w, lambda w: w)
TURNED = Layout(np.transpose, lambda w: w.swapaxes(1, 2))
KERNEL = Layout(lambda w: w.transpose(HWIO), lambda w: w.transpose(0, *(1 + axis for axis in OIHW)))
GATES = Layout(
    lambda w: gates(w).reshape(-1, w.shape[2]).T,
    lambda w: gates(w.swapaxes(1, 2).reshape(len(w), 4, -1, w.shape[1]), 1),
)
BIASES = Layout(lambda b: gates(b).reshape(-1), lambda b: gates(b.reshape(len(b), 4, -1), 1))


class Run:
    """A compiled model on its way: a step gives the loss before it, its gradients and the parameters after it."""

    def __init__(self, model: Any, loss: Any, optimizer: Any, layouts: list[Layout], parameters: Tensors) -> None:
        self.model, self.layouts = model, layouts
        self.weights, self.optimizer = list(model.trainable_variables), optimizer
        for weight, layout, value in zip(self.weights, layouts, parameters, strict=True):
            # Not as they came: JAX takes an array that was put on a device for bound to it, and once the optimiser's
            # variables are so too, it compiles the step again.
            weight.assign(given(layout.there(np.array(ops.convert_to_numpy(value)))))
        self.gradients = keep_gradients(optimizer, self.weights)
        model.compile(optimizer=optimizer, loss=loss)

    def step(self, x: Array, t: Array) -> list[Array]:
        """On one batch. Keras's loss is a running mean over batches unless it is reset."""
        self.model.reset_metrics()
        loss = self.model.train_on_batch(x, t)
        return [np.asarray(loss, keras.config.floatx()), *map(copied, (*self.gradients, *self.weights))]

    def result(self, rows: list[list[Array]]) -> list[Array]:
        """All losses, gradients and parameters, in the layout of the spec."""
        losses, *moved = (np.stack(column) for column in zip(*rows, strict=True))
        return [losses, *(layout.back(one) for layout, one in zip(self.layouts * 2, moved, strict=True))]


def copied(variable: Any) -> Array:
    """Its numbers as they are now: moved by the framework they would be programs to compile on JAX."""
    return np.array(ops.convert_to_numpy(variable.value))


def keep_gradients(optimizer: Any, weights: list[Any]) -> list[Any]:
    """Variables of the optimiser that hold the gradients it was last given."""
    optimizer.build(weights)
    zeros = {"name": "gradient", "initializer": Zeros()}
    kept = [optimizer.add_variable_from_reference(weight, **zeros) for weight in weights]
    apply = optimizer.apply

    def applied(grads: Any, trainable_variables: Any = None) -> Any:
        grads = list(grads)
        for variable, gradient in zip(kept, grads, strict=True):
            variable.assign(gradient)
        return apply(grads, trainable_variables)

    optimizer.apply = applied
    return kept


def optimizer_of(optimizer: str, lr: float, beta1: float, beta2: float, eps: float) -> Any:
    """By the name it has in the spec. Raises `Unsupported` for Adam in the paper's other form."""
    if optimizer == "adam":
        raise Unsupported("Keras's Adam has the paper's other form only: see adam_eps_hat")
    return optimizers.SGD(lr) if optimizer == "sgd" else optimizers.Adam(lr, beta1, beta2, eps)


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Keras's default dtype, which models, optimisers, losses and metrics follow."""
    before = keras.config.floatx()
    try:
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(before)


def batches(*inputs: Tensor) -> Iterator[tuple[Array, ...]]:
    """Step by step, as a user's data come."""
    return zip(*map(ops.convert_to_numpy, inputs), strict=True)


def tensors(arrays: Iterable[Array]) -> Tensors:
    """The result of a run, as the framework's own again."""
    return tuple(ops.convert_to_tensor(given(array)) for array in arrays)


def trained(run: Run, *inputs: Tensor) -> Tensors:
    """The losses, then the gradients and the parameters, each with all steps on its first axis."""
    return tensors(run.result([run.step(*batch) for batch in batches(*inputs)]))


def fresh(model: Any, *sizes: Any) -> Any:
    """One of the listings' models with variables of its own, not the one that is kept."""
    return model.__wrapped__(*sizes)


class KerasTraining(Adapter):
    """Whole runs of training, by formula id."""

    def compile(self, program: Program) -> Program:
        """Keras compiles its own steps of training, and those only."""
        operation: Operation = program.args[0]  # type: ignore[attr-defined]  # base.Adapter binds it by partial
        return program if operation.formula.startswith("train_") else super().compile(program)

    @kernel(
        "keras.Sequential.train_on_batch",
        using=("keras.layers.Dense", "keras.regularizers.L2", "keras.losses.mean_squared_error", *OPTIMIZERS),
        convention=f"the loss is a mean over the outputs of a sample, without a half: rescaled; {HAT}",
    )
    def train_mlp(self, x: Any, t: Any, *, lam: float, w1: Any, b1: Any, w2: Any, b2: Any, **rule: Any) -> Any:
        half = t.shape[2] / 2
        with floatx(dtype_of(x)):
            penalty = {"kernel_regularizer": regularizers.L2(lam)}
            model = sequential(
                (x.shape[2],),
                dtype_of(x),
                (layers.Dense, {"units": w1.shape[1], "activation": "tanh", **penalty}),
                (layers.Dense, {"units": w2.shape[1], "activation": "sigmoid", **penalty}),
            )
            loss = lambda t, y: losses.mean_squared_error(t, y) * half  # noqa: E731  (3.1.3 halves a sum over outputs)
            return trained(Run(model, loss, optimizer_of(**rule), [SAME] * 4, (w1, b1, w2, b2)), x, t)

    @kernel(
        "keras.Sequential.train_on_batch",
        using=(*CNN, "keras.losses.sparse_categorical_crossentropy", *OPTIMIZERS),
        convention=f"{AS_LISTED}; {HAT}",
    )
    def train_cnn(self, x: Any, labels: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        layouts = [KERNEL, SAME] * 3 + [TURNED, SAME] * 2
        with floatx(dtype_of(x)):
            step = optimizer_of(**rule)
            model = fresh(convolutional, dtype_of(x))
            run = Run(model, "sparse_categorical_crossentropy", step, layouts, tuple(weights))
            return trained(run, ops.transpose(x, (0, 1, 3, 4, 2)), labels)

    @kernel(
        "keras.Sequential.train_on_batch",
        using=("keras.layers.LSTM", "keras.layers.Dense", "keras.losses.mean_squared_error", *OPTIMIZERS),
        convention=f"as listed; {GATE_ORDER}; {HAT}",
    )
    def train_lstm(self, x: Any, t: Any, **given: Any) -> Any:
        weights, rule = parted(given)
        layouts = [GATES, GATES, BIASES] * 2 + [TURNED, SAME]
        with floatx(dtype_of(x)):
            step = optimizer_of(**rule)
            model = fresh(recurrent, x.shape[3], weights[0].shape[1], dtype_of(x))
            run = Run(model, "mean_squared_error", step, layouts, tuple(weights))
            return trained(run, x, t)

    @kernel(
        "keras.Sequential.train_on_batch",
        using=("keras.layers.Dense", "keras.losses.BinaryCrossentropy", *OPTIMIZERS),
        convention=f"{LOGITS}; {HAT}",
    )
    def train_gan(self, x: Any, z: Any, **given: Any) -> Any:
        """The usual idiom: the generator is trained inside a model whose discriminator is frozen."""
        weights, rule = parted(given)
        n, width = x.shape[1:]
        with floatx(dtype_of(x)):
            rules = [optimizer_of(**rule) for _ in range(2)]
            made = fresh(perceptron, z.shape[2], weights[0].shape[0], width, "linear", dtype_of(x))
            critic = fresh(perceptron, width, weights[4].shape[0], 1, "linear", dtype_of(x))
            loss = losses.BinaryCrossentropy(from_logits=True)
            layouts = [TURNED, SAME] * 2
            # The mean over real and made samples is half of the sum of both means.
            second = Run(critic, lambda t, y: 2 * loss(t, y), rules[1], layouts, tuple(weights[4:]))
            critic.trainable = False
            first = Run(keras.Sequential([made, critic]), loss, rules[0], layouts, tuple(weights[:4]))
            ones, zeros = (np.full((n, 1), value, dtype_of(x)) for value in (1, 0))
            of_critic, of_generator = [], []
            for real, noise in batches(x, z):
                critic.trainable = True
                samples = np.concatenate((real, ops.convert_to_numpy(made(noise))))
                of_critic.append(second.step(samples, np.concatenate((ones, zeros))))
                critic.trainable = False
                of_generator.append(first.step(noise, ones))
            (loss_d, *d), (loss_g, *g) = second.result(of_critic), first.result(of_generator)
            return tensors((np.stack((loss_d, loss_g), 1), *g[:4], *d[:4], *g[4:], *d[4:]))
