"""PyTorch's adapter with one fault each, as bugs are made: one subclass a fault, one or two methods overridden.

`FaultyTorch` holds them all in one process, since importing torch costs more than all their cases: the attribute
`fault` of a request says which of them answers it. The worker loads it like any other adapter.
"""

from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - to everybody who reads torch

from nnparity.adapters.kernel import Operation, Point, Tensors, kernel
from nnparity.adapters.request import Observation, Request
from nnparity.adapters.torch.backend import TorchAdapter


def tf32(x: Any) -> Any:
    """Rounded to 10 stored bits of mantissa, half up; its derivative is left alone, as a tensor core leaves it."""
    bits = x.detach().view(torch.int32)
    return x + (((bits + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32) - x).detach()


class NoFault(TorchAdapter):
    """The adapter as it is."""


class NoBias(TorchAdapter):
    @kernel("with a fault")
    def dense(self, x: Any, w: Any, b: Any) -> Any:  # noqa: ARG002 - which is the fault
        return F.linear(x, w)


class KernelNotFlipped(TorchAdapter):
    @kernel("with a fault")
    def conv2d(self, x: Any, w: Any) -> Any:
        return F.conv2d(x, w)


class Tf32(TorchAdapter):
    """As a tensor core does it: the operands of the product are rounded, the bias is not."""

    @kernel("with a fault")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(tf32(x), tf32(w), b)


class Tf32Bias(TorchAdapter):
    """As an adapter would do it that rounds all it is given."""

    @kernel("with a fault")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(tf32(x), tf32(w), tf32(b))


class WrongAxis(TorchAdapter):
    @kernel("with a fault")
    def softmax(self, x: Any) -> Any:
        return F.softmax(x, dim=0)


class Unscaled(TorchAdapter):
    @kernel("with a fault")
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return torch.softmax(q @ k.mT, -1) @ v


class DPlusOne(TorchAdapter):
    @kernel("with a fault")
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return torch.softmax(q @ k.mT / (q.shape[-1] + 1) ** 0.5, -1) @ v


class GatesSwapped(TorchAdapter):
    @kernel("with a fault")
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return super().lstm_step(x, h, c, *map(_swapped, (wx, wh, b)))

    @kernel("with a fault")
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return super().lstm(x, h, c, *map(_swapped, (wx, wh, b)))


def _swapped(blocks: Any) -> Any:
    """The blocks of the gates i and f in each other's place."""
    return blocks[[1, 0, 2, 3]]


class NoHalf(TorchAdapter):
    @kernel("with a fault")
    def mse(self, y: Any, t: Any) -> Any:
        return F.mse_loss(y, t, reduction="sum") / len(y)


class WrongDivisor(TorchAdapter):
    @kernel("with a fault")
    def avg_pool2d(self, x: Any) -> Any:
        return F.avg_pool2d(x, 2, divisor_override=2)


class OneGradientElement(TorchAdapter):
    """The largest element of every gradient is off by 2^-8 of itself."""

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, gradients = super().vjp(operation, point)
        return outputs, tuple(_one_off(gradient) for gradient in gradients)


def _one_off(gradient: Any) -> Any:
    flat = gradient.detach().clone().flatten()
    flat[flat.abs().argmax()] *= 1 + 2**-8
    return flat.view(gradient.shape)


class HalfOutput(TorchAdapter):
    """Computed in float16, handed out in float32."""

    @kernel("with a fault")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return F.linear(x.half(), w.half(), b.half()).float()

    @kernel("with a fault")
    def tanh(self, x: Any) -> Any:
        return torch.tanh(x.half()).float()


class StoppedSoftmax(torch.autograd.Function):
    """Forward and gradient are right, but the gradient takes the result for a constant."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = torch.softmax(x, -1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (y,) = ctx.saved_tensors
        y = y.detach()
        return y * (g - (g * y).sum(-1, keepdim=True))


class StopGradient(TorchAdapter):
    @kernel("with a fault")
    def softmax(self, x: Any) -> Any:
        return StoppedSoftmax.apply(x)


class Bfloat16Accumulation(TorchAdapter):
    """Products are right; they are added up in bfloat16."""

    @kernel("with a fault")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        total = torch.zeros(len(x), len(w), dtype=torch.bfloat16)
        for products in (x[:, None] * w[None]).unbind(-1):
            total = total + products.bfloat16()
        return total.float() + b


class CutOff(TorchAdapter):
    """Computed in float32, of which the upper half is taken for bfloat16: its leading bits, not the nearest number."""

    @kernel("with a fault")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        y = F.linear(x.float(), w.float(), b.float())
        return (y.view(torch.int32) & -(1 << 16)).view(torch.float32).to(x.dtype)


FAULTS = {
    fault.__name__: fault
    for fault in (
        *(NoFault, NoBias, KernelNotFlipped, Tf32, Tf32Bias, WrongAxis, Unscaled, DPlusOne, GatesSwapped, NoHalf),
        *(WrongDivisor, OneGradientElement, HalfOutput, StopGradient, Bfloat16Accumulation),
    )
}


class FaultyTorch(TorchAdapter):
    """All of them: ``attributes["fault"]`` names the one that answers; none is the adapter as it is.

    It is called ``torch:cpu:eager`` like the original, so that what is on record for torch is on record here.
    """

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        self._faults = {name: fault(device, mode) for name, fault in FAULTS.items()}

    def observe(self, request: Request) -> Observation:
        attributes = dict(request.attributes)
        fault = self._faults[attributes.pop("fault", "NoFault")]
        return fault.observe(replace(request, attributes=attributes))
