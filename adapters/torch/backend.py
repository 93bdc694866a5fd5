"""PyTorch: its own kernels, eager or compiled by Inductor, on the CPU or a CUDA device.

How it differentiates is in `arrays`. TF32 is off unless the mode says otherwise: `eager+tf32` is another target. On
CUDA it is told to be deterministic; `eager+nondeterministic` is torch as it comes.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from nnparity.adapters.kernel import Operation, Point, Program, Tensors, Unsupported
from nnparity.adapters.shared.devices import CPU, TENSOR_FLOAT_32, GpuModes, with_options
from nnparity.adapters.torch import compilation, losses
from nnparity.adapters.torch.arrays import XLA, TorchArrays
from nnparity.adapters.torch.bert import TorchBert
from nnparity.adapters.torch.layers import TorchLayers
from nnparity.adapters.torch.losses import TorchLosses
from nnparity.adapters.torch.models import TorchModels
from nnparity.adapters.torch.optimizers import TorchOptimizers
from nnparity.adapters.torch.sequences import TorchSequences
from nnparity.adapters.torch.training import TorchTraining
from nnparity.spec.precision import FUSED

COMPILED = "compiled"
#: What torch documents of CUDA: its notes on reproducibility say so of cuDNN's convolutions, the page of
#: `torch.nn.LSTM` of cuDNN's recurrent networks.
CONVOLUTIONS = "cuDNN chooses an algorithm for a convolution, and some add up in an order that varies"
RECURRENT = "cuDNN's recurrent networks add up on several streams, in an order that varies"
VARYING = MappingProxyType(
    dict.fromkeys(("conv2d", "listing_cnn", "train_cnn"), CONVOLUTIONS)
    | dict.fromkeys(("lstm", "lstm_last", "lstm_stacked", "listing_lstm", "train_lstm"), RECURRENT)
)


class TorchBase(GpuModes, TorchArrays):
    """The same with TF32 as the mode says, and what is told of second derivatives."""

    second_order = (
        "double backward, forward mode for jvp; neither exists for fused attention, which is replaced by "
        "SDPBackend.MATH, nor for cuDNN's LSTM, replaced by the native one; the jvp of oneDNN's LSTM is a double VJP"
    )

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        if self.deterministic:
            # What has no deterministic kernel goes on with the one it has: the check of determinism then says so.
            # cuBLAS gives the same bits again only where its workspace is fixed, and reads this when it is first used.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.backends.cudnn.deterministic = True
            torch.use_deterministic_algorithms(True, warn_only=True)
        if mode == COMPILED:
            compilation.keep()

    @property
    def programs(self) -> dict[str, int]:
        return compilation.programs() if self.mode == COMPILED else {}

    def compile(self, program: Program) -> Program:
        if self.mode != COMPILED:
            return program
        assert isinstance(program, partial)  # a rule, and the operation that it is applied to
        return partial(program.func, compilation.compiled(*program.args))

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        if self.mode == COMPILED:
            raise Unsupported("a function that torch.compile has compiled has no forward mode")
        return super().jvp(operation, point)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        if self.mode == COMPILED:
            raise Unsupported("torch.compile with aot_autograd does not currently support double backward")
        return super().hvp(operation, point)

    def gives(self, method: str) -> bool:
        """As others; of compiled code no `vmap`, which Dynamo does not trace, nor a graph gone through twice."""
        return super().gives(method) and (self.mode != COMPILED or method == "write")

    @property
    def sets_threads(self) -> bool:
        """Not of compiled code, which shares out its loops when it is compiled."""
        return self.device == CPU and self.mode != COMPILED

    @contextmanager
    def on_threads(self, threads: int) -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """TF32 as the mode says: the flags are global to the process."""
        allowed = self.option == TENSOR_FLOAT_32
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.backends.cudnn.allow_tf32 = allowed
        yield


class TorchAdapter(
    TorchLayers, TorchSequences, TorchLosses, TorchOptimizers, TorchModels, TorchTraining, TorchBert, TorchBase
):
    """Formulas as PyTorch computes them."""

    backend = "torch"
    packages = ("torch",)
    modes = with_options(("eager", COMPILED))
    varying = VARYING
    unsupported = MappingProxyType({"adam_eps_hat": "torch.optim.Adam has the paper's other form only: see adam"})
    refused = MappingProxyType({**compilation.REFUSED, **losses.REFUSED})
    precision = MappingProxyType({("layer_norm", "*float16", "output*"): FUSED})

    def inference(self) -> AbstractContextManager[Any]:
        # PyTorch/XLA has none: "Cannot set version_counter for inference tensor".
        return torch.no_grad() if self.device == XLA else torch.inference_mode()
