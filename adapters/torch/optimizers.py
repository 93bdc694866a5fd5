"""PyTorch's optimisers, and its back-propagation with every intermediate result shown."""

from typing import Any

import torch
import torch.nn.functional as F

from nnparity.adapters.kernel import kernel


class TorchOptimizers:
    """Steps of training, by formula id."""

    @kernel(
        "torch.autograd.grad",
        using=("torch.nn.functional.linear", "torch.sigmoid", "torch.nn.functional.mse_loss"),
        convention="the loss is the sum, divided by 2n",
    )
    def mlp_backprop(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any, t: Any) -> Any:
        w1, b1, w2, b2 = (weight.detach().requires_grad_() for weight in (w1, b1, w2, b2))
        hidden = F.linear(x, w1, b1)
        h = torch.sigmoid(hidden)
        out = F.linear(h, w2, b2)
        y = torch.sigmoid(out)
        error = F.mse_loss(y, t, reduction="sum") / (2 * len(x))
        return h, y, error, *torch.autograd.grad(error, (out, hidden, w2, b2, w1, b1))

    @kernel("torch.optim.SGD")
    def gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        w = _parameter(w, g)
        torch.optim.SGD([w], lr=lr).step()
        return w

    @kernel("torch.optim.SGD", using=("torch.mean",), convention="given the mean of the batch's gradients")
    def minibatch_gradient_descent(self, w: Any, g: Any, lr: float) -> Any:
        return self.gradient_descent(w, g.mean(0), lr)

    @kernel("torch.optim.Adam", convention="adds eps to the root of the corrected v; eps is 1e-8 by default")
    def adam(self, w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int) -> Any:
        w, m, v = _parameter(w, g), m.clone(), v.clone()
        optimizer = torch.optim.Adam([w], lr=lr, betas=(beta1, beta2), eps=eps)
        optimizer.state[w] = {"step": torch.tensor(step - 1.0), "exp_avg": m, "exp_avg_sq": v}
        optimizer.step()
        return w, m, v


def _parameter(w: Any, g: Any) -> Any:
    """A copy of w that an optimiser may change, with its gradient."""
    w = w.clone().requires_grad_()
    w.grad = g
    return w
