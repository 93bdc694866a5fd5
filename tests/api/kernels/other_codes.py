"""Correct codes of formulas that are not the formula's own, on PyTorch: what a library, a compiler or a kernel has.

In half precision they compute in float32 and round the result, as kernels do.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnparity.tests.api.frameworks import TorchOps

FAMILIES = ("output", "grad", "jvp", "hvp")
LOG2_E = 1 / math.log(2)


@dataclass(frozen=True)
class Code:
    """A correct code of a formula."""

    formula: str
    name: str
    function: Callable[..., Any]
    #: It loses digits that the formula keeps, and is imprecise where it does; nowhere does it diverge.
    loses: bool = False
    level: str = "quick"
    quantities: tuple[str, ...] = FAMILIES


def codes() -> list[Code]:
    """All of them. PyTorch is imported here: whoever reads the list has a process for it."""
    import torch
    import torch.nn.functional as F  # noqa: N812

    class OverCosh(torch.autograd.Function):
        """Tanh, differentiated as 1 / cosh(x)^2."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.tanh(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g / torch.cosh(ctx.saved_tensors[0]) ** 2

    def of_two_signs(x: Any) -> Any:
        small = torch.exp(-x.abs())
        return torch.where(x >= 0, 1 / (1 + small), small / (1 + small))

    def by_powers_of_two(x: Any) -> Any:
        powers = torch.exp2((x - x.amax(-1, keepdim=True).detach()) * LOG2_E)
        return powers * powers.sum(-1, keepdim=True).reciprocal()

    def by_logsumexp(x: Any) -> Any:
        return torch.exp(x - torch.logsumexp(x, -1, keepdim=True))

    def attention(q: Any, k: Any, v: Any) -> Any:
        root = q.shape[-1] ** -0.25
        return by_powers_of_two((q * root) @ (k * root).transpose(1, 2)) @ v

    def lstm_step(x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        joined = torch.cat([wx, wh], 2).flatten(0, 1)
        i, f, o, g = F.linear(torch.cat([x, h], 1), joined, b.flatten()).chunk(4, 1)
        c = of_two_signs(f) * c + of_two_signs(i) * g.tanh()
        return of_two_signs(o) * c.tanh(), c

    def adam(w: Any, m: Any, v: Any, g: Any, lr: float, beta1: float, beta2: float, eps: float, step: int) -> Any:
        m, v = torch.lerp(m, g, 1 - beta1), torch.addcmul(v * beta2, g, g, value=1 - beta2)
        root = v.sqrt() / math.sqrt(1 - beta2**step) + eps
        return torch.addcdiv(w, m, root, value=-lr / (1 - beta1**step)), m, v

    def of_labels(z: Any, labels: Any) -> Any:
        return (torch.logsumexp(z, 1) - z.gather(1, labels.long()[:, None])[:, 0]).mean()

    return [
        Code("tanh", "1/cosh²", OverCosh.apply, level="core", quantities=("output", "grad")),
        Code("sigmoid", "of two signs", of_two_signs),
        Code("softmax", "by powers of 2, times the reciprocal", by_powers_of_two),
        Code("softmax", "e^(x - logsumexp)", by_logsumexp, loses=True, level="core"),
        Code("attention", "queries and keys are scaled by the fourth root", attention),
        Code("gelu", "by erfc", lambda x: x / 2 * torch.erfc(-x * math.sqrt(0.5))),
        Code(
            "dense", "the bias is a column", lambda x, w, b: F.pad(x, (0, 1), value=1) @ torch.cat([w, b[:, None]], 1).T
        ),
        Code("lstm_step", "one product", lstm_step),
        Code("sparse_cross_entropy_logits", "logsumexp less the logit", of_labels, loses=True, level="core"),
        Code("l2_penalty", "a dot product", lambda w, lam: lam * torch.dot(w, w)),
        Code("adam", "lerp, addcmul and a step size", adam, quantities=("output",)),
    ]


def widened(function: Callable[..., Any], ops: TorchOps) -> Callable[..., Any]:
    """The same in float32 where the arrays are narrower, with its results rounded."""

    @functools.wraps(function)  # its keywords say which attributes it takes
    def wide(*arrays: Any, **attributes: Any) -> Any:
        like = next(x for x in arrays if x.is_floating_point())
        y = function(*map(ops.wide, arrays), **attributes)
        return tuple(ops.narrow(one, like) for one in y) if isinstance(y, tuple) else ops.narrow(y, like)

    return wide
