"""MLX's optimisers, one step of them, and its back-propagation with every intermediate result shown."""

from typing import Any

import mlx.core as mx
from mlx import nn, optimizers

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.mlx.layers import linear


class MlxOptimizers:
    """Steps of training, by formula id."""

    @composed("mlx.core.vjp, mlx.nn.Linear, mlx.core.sigmoid, mlx.nn.losses.mse_loss, /", because="no layer shows δ")
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        inner = linear(x, w1, b1)
        h = mx.sigmoid(inner)
        outer = linear(h, w2, b2)
        y = mx.sigmoid(outer)
        error = lambda y: nn.losses.mse_loss(y, t, reduction="sum") / (2 * len(x))  # noqa: E731
        lost, (dy,) = pulled(error, [y], mx.array(1.0, y.dtype))
        _, (delta_out,) = pulled(mx.sigmoid, [outer], dy)
        _, (dh, dw2, db2) = pulled(linear, [h, w2, b2], delta_out)
        _, (delta_hidden,) = pulled(mx.sigmoid, [inner], dh)
        _, (_, dw1, db1) = pulled(linear, [x, w1, b1], delta_hidden)
        return h, y, lost, delta_out, delta_hidden, dw2, db2, dw1, db1

    @kernel("mlx.optimizers.SGD")
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return optimizers.SGD(lr).apply_gradients({"w": g}, {"w": w})["w"]

    @kernel("mlx.optimizers.SGD", using=("mlx.core.mean",), convention="given the mean of the batch's gradients")
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return self.gradient_descent(w, mx.mean(g, axis=0), lr)

    @kernel(
        "mlx.optimizers.Adam",
        convention="bias correction is asked for; eps stands beside the corrected root, 1e-8 by default",
    )
    def adam(self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int) -> Any:
        optimizer = optimizers.Adam(lr, [beta1, beta2], eps, bias_correction=True)
        optimizer.init({"w": w})
        # Already on its way: what it keeps of a parameter, and how many steps it has made.
        optimizer.state["w"], optimizer.state["step"] = {"m": m, "v": v}, mx.array(step - 1, mx.uint64)
        moved = optimizer.apply_gradients({"w": g}, {"w": w})["w"]
        return moved, optimizer.state["w"]["m"], optimizer.state["w"]["v"]


def pulled(function: Any, primals: list[Any], cotangent: Any) -> tuple[Any, list[Any]]:
    """The result, and the cotangent pulled back."""
    (result,), gradients = mx.vjp(lambda *xs: [function(*xs)], primals, [cotangent])
    return result, gradients
