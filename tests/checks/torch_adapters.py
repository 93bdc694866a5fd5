"""Adapters of PyTorch: one answers with its number of threads, others take an array for contiguous and are wrong."""

from typing import Any

import torch

from nnparity.adapters.kernel import kernel
from nnparity.adapters.torch.backend import TorchAdapter


class CountsThreads(TorchAdapter):
    """Times what it is given the number of threads that its kernels would take."""

    @kernel("torch.get_num_threads")
    def relu(self, x: Any) -> Any:
        return x * torch.get_num_threads()

    def compile(self, program: Any) -> Any:
        """As it is: what is asked here is no kernel."""
        return program


class TakesRowsForAdjacent(TorchAdapter):
    """Of an array whose last stride is 1 it takes the first for the length of a row."""

    @kernel("torch.nn.functional.linear")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        longer = x.stride() > (x.shape[-1], 1) and x.stride(-1) == 1
        return super().dense(x.as_strided(x.shape, (x.shape[-1], 1)) if longer else x, w, b)


class TakesImagesForAdjacent(TorchAdapter):
    """It takes each image to begin where the one before ends, by its shape."""

    @kernel("torch.nn.functional.conv2d")
    def conv2d(self, x: Any, w: Any) -> Any:
        _, c, h, wide = x.shape
        adjacent = (c * h * wide, h * wide, wide, 1)
        longer = x.stride() > adjacent and x.stride()[1:] == adjacent[1:]
        return super().conv2d(x.as_strided(x.shape, adjacent) if longer else x, w)


class TakesGradientsForContiguous(TorchAdapter):
    """It reads the memory of a gradient as if each of its elements had its own place there."""

    @kernel("torch.tanh")
    def tanh(self, x: Any) -> Any:
        y = super().tanh(x)
        if y.requires_grad:
            y.register_hook(lambda g: g.as_strided(g.shape, torch.empty(g.shape).stride()))
        return y


class _TanhInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = torch.tanh(x)
        ctx.kept = y.detach().clone()
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.kept.pow_(2).neg_().add_(1)


class WritesToWhatItKeeps(TorchAdapter):
    """Its derivative is made in the memory of the output that the graph keeps for it: there is none for a second."""

    @kernel("torch.tanh")
    def tanh(self, x: Any) -> Any:
        return _TanhInPlace.apply(x) if x.requires_grad else super().tanh(x)


class DetachesCotangents(TorchAdapter):
    """Its derivative is right, and that of its derivative by all but what came in: a constant to it."""

    @kernel("torch.tanh")
    def tanh(self, x: Any) -> Any:
        y = super().tanh(x)
        if y.requires_grad:
            y.register_hook(lambda g: g.detach())
        return y


class TakesWeightsForLyingAsItsInput(TorchAdapter):
    """Where its input is contiguous, it reads the memory of its weights as if they were."""

    @kernel("torch.nn.functional.linear")
    def dense(self, x: Any, w: Any, b: Any) -> Any:
        return super().dense(x, w.mT.reshape(w.shape) if _alone(w, x) and w.mT.is_contiguous() else w, b)

    @kernel("torch.nn.functional.conv2d")
    def conv2d(self, x: Any, w: Any) -> Any:
        rows = w.permute(0, 2, 3, 1)
        return super().conv2d(x, rows.reshape(w.shape) if _alone(w, x) and rows.is_contiguous() else w)


def _alone(w: Any, x: Any) -> bool:
    """Whether weights lie otherwise, and their input does not."""
    return x.is_contiguous() and not w.is_contiguous()
