"""PaddlePaddle's optimisers, one step of them, and its back-propagation with every intermediate result shown."""

from typing import Any

import paddle
from paddle.nn import functional as F

from nnparity.adapters.kernel import Unsupported, kernel
from nnparity.adapters.paddle.arrays import leaf


class PaddleOptimizers:
    """Steps of training, by formula id."""

    @kernel(
        "paddle.grad",
        using=("paddle.nn.functional.linear", "paddle.nn.functional.sigmoid", "paddle.nn.functional.mse_loss"),
        convention="the loss is the sum, divided by 2n",
    )
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        with paddle.enable_grad():
            w1, b1, w2, b2 = (leaf(weight) for weight in (w1, b1, w2, b2))
            inner = F.linear(x, w1.T, b1)
            h = F.sigmoid(inner)
            outer = F.linear(h, w2.T, b2)
            y = F.sigmoid(outer)
            error = F.mse_loss(y, t, reduction="sum") / (2 * len(x))
            return h, y, error, *paddle.grad(error, [outer, inner, w2, b2, w1, b1])

    @kernel("paddle.optimizer.SGD")
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        own = parameter(w, g)
        return stepped(paddle.optimizer.SGD(lr, [own]), own)

    @kernel("paddle.optimizer.SGD", using=("paddle.mean",), convention="given the mean of the batch's gradients")
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return self.gradient_descent(w, paddle.mean(g, 0), lr)

    @kernel("paddle.optimizer.Adam", convention="adds eps to the root of the corrected v; eps is 1e-8 by default")
    def adam(self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int) -> Any:
        if w.dtype in (paddle.float16, paddle.bfloat16):
            raise Unsupported("Paddle's CPU has no kernel of Adam in half precision")
        own = parameter(w, g)
        optimizer = paddle.optimizer.Adam(lr, beta1, beta2, eps, [own])
        # Already on its way: its moments, and the powers of β that it keeps, as its checkpoint would have them.
        powers = {f"beta{n}_pow_acc": paddle.to_tensor([b**step], w.dtype) for n, b in ((1, beta1), (2, beta2))}
        held = {"moment1": m, "moment2": v, **powers}
        optimizer.set_state_dict({f"{own.name}_{name}_0": tensor for name, tensor in held.items()})
        moved = stepped(optimizer, own)
        kept = {key.removeprefix(f"{own.name}_"): tensor for key, tensor in optimizer.state_dict().items()}
        return moved, kept["moment1_0"], kept["moment2_0"]


def parameter(w: Any, g: Any) -> Any:
    """A parameter of its own, with its gradient."""
    own = leaf(w.clone())
    own.grad = g
    return own


def stepped(optimizer: Any, own: Any) -> Any:
    """The parameter after a step."""
    optimizer.step()
    return own
