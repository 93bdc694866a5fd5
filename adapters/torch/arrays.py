"""PyTorch's tensors and derivatives, without formulas and without touching a flag of the process.

Reverse mode is `torch.autograd.grad`; forward mode is `torch.autograd.forward_ad`, and the double-VJP trick where a
kernel has no forward derivative (the oneDNN LSTM).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from nnparity.adapters.kernel import Operation, Point, Tensors, Unsupported, place, unmapped
from nnparity.adapters.request import Array
from nnparity.adapters.shared.devices import CPU, CUDA, words
from nnparity.adapters.shared.nesting import Nesting
from nnparity.spec.cases.layouts import LAYOUTS, strided

#: The device of PyTorch/XLA, and the package that brings it. It compiles what is asked of it together, as JAX does, and
#: runs on the CPU too: PJRT_DEVICE=CPU.
XLA, XLA_PACKAGE = "xla", "torch_xla"


class TorchArrays(Nesting):
    """What any code on PyTorch's tensors shares, the adapter's own and a user's."""

    layouts = LAYOUTS
    refusals = ("not implemented for", "is not implemented", "Unsupported: ")  # the last is Dynamo's

    @classmethod
    def devices(cls) -> list[str]:
        # PyTorch/XLA is looked for and not imported: whoever imports it has its threads, on the CPU too.
        return [CPU, *words(CUDA, torch.cuda.device_count()), *([XLA] if find_spec(XLA_PACKAGE) else [])]

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        if self.device == XLA:
            import_module(XLA_PACKAGE)  # torch has the device from then on

    @property
    def _place(self) -> torch.device:
        """The device in torch's words, in which the second is `cuda:1`."""
        kind, which = place(self.device)
        return torch.device(f"{kind.rstrip(':')}:{which}" if which else kind.rstrip(":"))

    def inference(self) -> AbstractContextManager[Any]:
        """Not `inference_mode`: what a layer or a model of others keeps of it could not be differentiated later."""
        return torch.no_grad()

    def put(self, array: Array) -> Any:
        copy = np.array(array)
        if copy.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(copy.view(np.int16)).view(torch.bfloat16).to(self._place)
        return torch.from_numpy(copy).to(self._place)

    def arrange(self, tensor: Any, layout: str) -> Any:
        if (laid := strided(self.get(tensor), layout)) is None:
            return tensor
        return self.put(laid.memory).as_strided(tensor.shape, laid.strides, laid.offset)

    def write(self, tensor: Any, array: Array) -> None:
        tensor.copy_(self.put(array))

    def get(self, tensor: Any) -> Array:
        # By force: a second derivative that is zero everywhere comes as a ZeroTensor, which has no memory. A copy has,
        # and needs to be: torch 2.4 and 2.5 take by force what lies anywhere.
        copy = tensor.clone().cpu()
        if copy.dtype is torch.bfloat16:
            return copy.view(torch.int16).numpy(force=True).view(ml_dtypes.bfloat16)
        return copy.numpy(force=True)

    def vmap(self, program: Any) -> Any:
        return unmapped("torch.func.vmap", torch.func.vmap(program), (RuntimeError,), "vmap", "Batching rule")

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        return outputs, _pull(outputs, leaves, point.cotangents)

    def vjp_again(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        _pull(outputs, leaves, tuple(g * 0.5 for g in point.cotangents), keep=True)
        return outputs, _pull(outputs, leaves, point.cotangents)

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        other = operation(*_leaves(point.tangents), **point.rest)
        gradients = _pull(outputs, leaves, point.cotangents)
        del other  # until here the graph of that one was kept
        return outputs, gradients

    def functional_vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, pull = torch.func.vjp(lambda *primals: operation(*primals, **point.rest), *point.primals)
        return outputs, pull(point.cotangents)

    def inner_vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        return self.functional_vjp(operation, point)

    def inner_jvp(self, operation: Operation, point: Point) -> Tensors:
        try:
            return torch.func.jvp(lambda *primals: operation(*primals, **point.rest), point.primals, point.tangents)[1]
        except NotImplementedError as error:
            raise Unsupported(f"torch.func.jvp: {str(error).partition(chr(10))[0]}") from error

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        with self.differentiable_twice(operation, "jvp"):
            try:
                return _forward(operation, point)
            except NotImplementedError:
                self.notes["jvp"] = "a double VJP: the kernel has no forward mode"
                return _double_vjp(operation, point)

    def double_vjp(self, operation: Operation, point: Point) -> Tensors:
        with self.differentiable_twice(operation, "jvp"):
            return _double_vjp(operation, point)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        with self.differentiable_twice(operation, "hvp"):
            leaves = _leaves(point.primals)
            outputs = operation(*leaves, **point.rest)
            gradients = _pull(outputs, leaves, point.cotangents, create_graph=True)
            return _pull(gradients, leaves, point.tangents)

    @contextmanager
    def differentiable_twice(self, operation: Operation, family: str) -> Iterator[None]:
        """Others than the default kernels, where those cannot be."""
        with ExitStack() as stack:
            for context, says in _differentiable(operation.formula, self.device):
                stack.enter_context(context)
                self.notes[family] = says
            yield


def _differentiable(formula: str, device: str) -> Iterator[tuple[AbstractContextManager[Any], str]]:
    if "attention" in formula or formula == "listing_bert":
        yield sdpa_kernel(SDPBackend.MATH), "SDPBackend.MATH for the fused kernel"
    if "lstm" in formula and place(device)[0] == CUDA:
        yield torch.backends.cudnn.flags(enabled=False), "the native kernel for cuDNN's"


def _leaves(primals: Tensors) -> Tensors:
    return tuple(primal.detach().requires_grad_() for primal in primals)


def _pull(
    outputs: Tensors, leaves: Tensors, cotangents: Tensors, create_graph: bool = False, keep: bool = False
) -> Tensors:
    """The VJP of what is connected; a constant output pulls back to zeros. The graph may be kept for another one."""
    live = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not live:
        return tuple(torch.zeros_like(leaf) for leaf in leaves)
    ys, gs = zip(*live, strict=True)
    kept = create_graph or keep
    return torch.autograd.grad(ys, leaves, gs, retain_graph=kept, create_graph=create_graph, materialize_grads=True)


def _forward(operation: Operation, point: Point) -> Tensors:
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(x, t) for x, t in zip(point.primals, point.tangents, strict=True)]
        outputs = [forward_ad.unpack_dual(y) for y in operation(*duals, **point.rest)]
        return tuple(torch.zeros_like(y) if t is None else t for y, t in outputs)


def _double_vjp(operation: Operation, point: Point) -> Tensors:
    """The VJP is linear in its cotangents: its own VJP there is the JVP."""
    leaves = _leaves(point.primals)
    outputs = operation(*leaves, **point.rest)
    cotangents = _leaves(point.cotangents or tuple(map(torch.zeros_like, outputs)))
    gradients = _pull(outputs, leaves, cotangents, create_graph=True)
    return _pull(gradients, cotangents, point.tangents)
