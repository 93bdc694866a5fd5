"""Keras's optimisers, and back-propagation through its layers with every intermediate result shown."""

from collections.abc import Callable
from typing import Any

from keras import ops

from nnparity.adapters.base import Adapter
from nnparity.adapters.keras.layer_cache import adam, dtype_of, optimize, sgd
from nnparity.adapters.keras.layers import KerasLayers
from nnparity.adapters.keras.losses import KerasLosses
from nnparity.adapters.kernel import Operation, Point, Tensor, Tensors, composed, kernel


class KerasOptimizers(KerasLayers, KerasLosses, Adapter):
    """Steps of training, by formula id."""

    @composed(
        "keras.layers.Dense, keras.activations.sigmoid, keras.losses.mean_squared_error",
        because="Keras leaves derivatives to its backend: its VJPs, layer by layer",
    )
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        hidden = self.dense(x, w1, b1)
        h = self.sigmoid(hidden)
        out = self.dense(h, w2, b2)
        y = self.sigmoid(out)
        error, (dy, _) = self._back(self.mse, y=y, t=t)
        _, (delta_out,) = self._back(self.sigmoid, dy, x=out)
        _, (dh, dw2, db2) = self._back(self.dense, delta_out, x=h, w=w2, b=b2)
        _, (delta_hidden,) = self._back(self.sigmoid, dh, x=hidden)
        _, (_, dw1, db1) = self._back(self.dense, delta_hidden, x=x, w=w1, b=b1)
        return h, y, error, delta_out, delta_hidden, dw2, db2, dw1, db1

    def _back(self, method: Callable[..., Tensor], cotangent: Any = None, **inputs: Tensor) -> tuple[Tensor, Tensors]:
        """The output of a formula, and a cotangent (1 when it is the loss) pulled back through it."""
        operation = Operation(method.__name__, method, tuple(inputs), {})
        if cotangent is None:
            cotangent = ops.ones((), dtype_of(next(iter(inputs.values()))))
        (output,), gradients = self.vjp(operation, Point(tuple(inputs.values()), {}, (), (cotangent,)))
        return output, gradients

    @kernel("keras.optimizers.SGD")
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return optimize(sgd(lr, len(w), dtype_of(w)), w, g, step=1)[0]

    @kernel("keras.optimizers.SGD", using=("keras.ops.mean",), convention="given the mean of the batch's gradients")
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return self.gradient_descent(w, ops.mean(g, axis=0), lr)

    @kernel("keras.optimizers.Adam", convention="adds eps to the root of the uncorrected v; eps is 1e-7 by default")
    def adam_eps_hat(
        self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int
    ) -> Any:
        return optimize(adam(lr, beta1, beta2, eps, len(w), dtype_of(w)), w, g, m, v, step=step)
