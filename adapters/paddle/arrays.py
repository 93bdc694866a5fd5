"""PaddlePaddle's tensors and derivatives, without formulas: reverse mode by `paddle.grad`, twice where a kernel allows.

Forward mode is not there in dynamic graphs: a forward derivative is a VJP of a VJP, for the few kernels that can be
differentiated twice. (`paddle.incubate.autograd.jvp` does the same, and asks for a third derivative's graph besides.)
"""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import paddle

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors, Unsupported
from nnparity.adapters.request import Array
from nnparity.spec.cases.layouts import ALIASED, LAYOUTS, strided


class PaddleArrays(Adapter):
    """What any code on PaddlePaddle's tensors shares."""

    layouts = LAYOUTS
    one_caller = "paddle.grad serves one thread at a time: two at once are told 'Cannot copy backward graph'"
    second_order = "reverse over reverse: paddle.grad of paddle.grad; jvp is a double VJP too"
    refusals = ("doesn't have any grad op", "is not registered", "only supports avgpool")

    def inference(self) -> AbstractContextManager[Any]:
        return paddle.no_grad()

    def put(self, array: Array) -> Any:
        """Of bfloat16 the bits, which Paddle takes for it."""
        copy = np.array(array)
        return paddle.to_tensor(copy.view(np.uint16) if copy.dtype.name == "bfloat16" else copy, place="cpu")

    def arrange(self, tensor: Any, layout: str) -> Any:
        """A graph knows tensors by name: the gradient of two inputs under one would be their sum."""
        array = self.get(tensor)
        if (laid := strided(array, layout)) is None:
            return tensor.clone() if layout == ALIASED else tensor
        return paddle.as_strided(self.put(laid.memory), tensor.shape, laid.strides, laid.offset * array.itemsize)

    def write(self, tensor: Any, array: Array) -> None:
        paddle.assign(self.put(array), output=tensor)

    def get(self, tensor: Any) -> Array:
        array = np.array(tensor.detach().numpy())
        return array.view("bfloat16") if tensor.dtype == paddle.bfloat16 else array

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        return outputs, pulled(outputs, leaves, point.cotangents)

    def vjp_again(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        pulled(outputs, leaves, tuple(g * 0.5 for g in point.cotangents), keep=True)
        return outputs, pulled(outputs, leaves, point.cotangents)

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        other = operation(*_leaves(point.tangents), **point.rest)
        gradients = pulled(outputs, leaves, point.cotangents)
        del other  # until here the graph of that one was kept
        return outputs, gradients

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        """The VJP is linear in its cotangent: its own VJP there is the JVP."""
        _survives(operation, point)
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        cotangents = _leaves(tuple(paddle.zeros_like(y) for y in outputs))
        gradients = pulled(outputs, leaves, cotangents, twice=True)
        return pulled(gradients, cotangents, point.tangents)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        _survives(operation, point)
        leaves = _leaves(point.primals)
        outputs = operation(*leaves, **point.rest)
        gradients = pulled(outputs, leaves, point.cotangents, twice=True)
        return pulled(gradients, leaves, point.tangents)


def pulled(outputs: Tensors, leaves: Tensors, cotangents: Tensors, twice: bool = False, keep: bool = False) -> Tensors:
    """The VJP of what is connected; a constant output pulls back to zeros. The graph may be kept for another one."""
    live = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if not y.stop_gradient]
    if not live:
        return tuple(paddle.zeros_like(leaf) for leaf in leaves)
    ys, gs = (list(part) for part in zip(*live, strict=True))
    found = paddle.grad(ys, list(leaves), gs, retain_graph=twice or keep, create_graph=twice, allow_unused=True)
    return tuple(paddle.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True))


def _survives(operation: Operation, point: Point) -> None:
    """Raises Unsupported for what ends the process."""
    if operation.formula == "conv2d" and 0 in point.primals[0].shape:
        raise Unsupported("the second derivative of Paddle's convolution divides by the size of an empty batch: SIGFPE")


def _leaves(primals: Tensors) -> Tensors:
    return tuple(leaf(primal) for primal in primals)


def leaf(tensor: Any) -> Any:
    """The same numbers, to be differentiated by."""
    own = tensor.detach()
    own.stop_gradient = False
    return own
