"""tinygrad's optimisers, one step of them, and its back-propagation with every intermediate result shown."""

from typing import Any

from tinygrad import Tensor, nn
from tinygrad.helpers import Context

from nnparity.adapters.kernel import composed, kernel


class TinygradOptimizers:
    """Steps of training, by formula id."""

    @composed(
        "tinygrad.Tensor.linear, tinygrad.Tensor.sigmoid, -, tinygrad.Tensor.square, tinygrad.Tensor.sum, /",
        because="tinygrad has no squared error",
    )
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        inner = Tensor.linear(x, w1.transpose(), b1)
        h = inner.sigmoid()
        outer = Tensor.linear(h, w2.transpose(), b2)
        y = outer.sigmoid()
        error = (y - t).square().sum() / (2 * len(x))
        delta_out, delta_hidden, *rest = error.gradient(outer, inner, w2, b2, w1, b1)
        return h, y, error, delta_out, delta_hidden, *rest

    @kernel("tinygrad.nn.optim.SGD")
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return stepped(nn.optim.SGD([parameter(w, g)], lr))

    @kernel(
        "tinygrad.nn.optim.SGD",
        using=("tinygrad.Tensor.mean",),
        convention="given the mean of the batch's gradients",
    )
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return stepped(nn.optim.SGD([parameter(w, g.mean(0))], lr))

    @kernel("tinygrad.nn.optim.Adam", convention="adds eps to the root of the corrected v, eps 1e-8 by default")
    def adam(self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int) -> Any:
        optimizer = nn.optim.Adam([parameter(w, g)], lr, beta1, beta2, eps)
        # An optimiser already on its way: its moments, and the powers of β that it keeps.
        optimizer.m, optimizer.v = [m.clone()], [v.clone()]
        optimizer.b1_t, optimizer.b2_t = (Tensor([beta ** (step - 1)], device=w.device) for beta in (beta1, beta2))
        return stepped(optimizer), optimizer.m[0], optimizer.v[0]


def parameter(w: Any, g: Any) -> Any:
    """A parameter of its own, with its gradient."""
    own = w.clone().is_param_()
    own.grad = g
    return own


def stepped(optimizer: Any) -> Any:
    """The parameter after a step."""
    with Context(TRAINING=1):
        optimizer.step()
    return optimizer.params[0]
