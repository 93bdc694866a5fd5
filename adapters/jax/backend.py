"""JAX: what `jax.nn` and `jax.lax` give, compiled by `jax.jit` or op by op, on the CPU or a CUDA device.

float64 is enabled and matmuls run at their highest precision. JAX has few whole layers of its own:
much here is composed, and each method says so. Reverse mode is `jax.vjp`, forward mode `jax.jvp`,
and a Hessian-vector product is the JVP of a VJP.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np

# Else JAX takes most of a GPU's memory when it starts.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax

from nnparity.adapters.base import Adapter
from nnparity.adapters.jax import program_cache
from nnparity.adapters.jax.bert import JaxBert
from nnparity.adapters.jax.layers import JaxLayers
from nnparity.adapters.jax.losses import JaxLosses
from nnparity.adapters.jax.models import JaxModels
from nnparity.adapters.jax.optimizers import JaxOptimizers
from nnparity.adapters.jax.sequences import JaxSequences
from nnparity.adapters.jax.training import JaxTraining
from nnparity.adapters.kernel import Operation, Point, Program, Tensors, Unsupported
from nnparity.adapters.request import Array

jax.config.update("jax_enable_x64", True)
# Else what JAX raises while it traces seems to come from the adapter: its own frames are cut out.
jax.config.update("jax_traceback_filtering", "off")
program_cache.keep()


class JaxBase(Adapter):
    """JAX's arrays and derivatives, without formulas."""

    refusals = ("is not supported by dot_general",)
    refused = MappingProxyType(
        {
            (formula, "float16", "*", "cpu:*"): "XLA has no float16 product that is summed in float32 on the CPU"
            for formula in ("*attention", "listing_bert")
        }
    )
    second_order = "forward over reverse: jax.jvp of jax.vjp"
    joint = True

    @property
    def programs(self) -> dict[str, int]:
        return dict(program_cache.counted)

    @classmethod
    def devices(cls) -> list[str]:
        return [name for name in ("cpu", "cuda") if _device(name) is not None]

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        self._place = _device(device)

    @contextmanager
    def scope(self) -> Iterator[None]:
        with jax.default_device(self._place), jax.default_matmul_precision("highest"):
            yield

    def put(self, array: Array) -> Any:
        return jax.device_put(np.array(array), self._place)

    def get(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, pull = jax.vjp(_function(operation, point), *point.primals)
        # A result of another dtype than its inputs' is reported as such; its derivative is wanted all the same.
        return outputs, pull(tuple(g.astype(y.dtype) for g, y in zip(point.cotangents, outputs, strict=True)))

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        tangents: Tensors = jax.jvp(_function(operation, point), point.primals, point.tangents)[1]
        return tangents

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        return self.jvp_hvp(operation, point)[1]

    def jvp_hvp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        """Moving the VJP along the tangents moves the outputs along: their tangents are the JVP."""
        return self.all_families(operation, point)[2:]

    def all_families(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors, Tensors, Tensors]:
        def pulled(*primals: Any) -> tuple[Tensors, Tensors]:
            return self.vjp(operation, point._replace(primals=primals))

        there, moved = jax.jvp(pulled, point.primals, point.tangents)
        return (*there, *moved)

    def compile(self, program: Program) -> Program:
        return _refusing(jax.jit(program)) if self.mode == "compiled" else program


class JaxAdapter(JaxLayers, JaxSequences, JaxLosses, JaxOptimizers, JaxModels, JaxTraining, JaxBert, JaxBase):
    """Formulas as JAX computes them."""

    backend = "jax"
    packages = ("jax", "jaxlib")
    modes = ("compiled", "eager")
    unsupported = MappingProxyType({"adam_eps_hat": "jax's optimiser has the paper's other form: see adam"})


def _refusing(program: Program) -> Program:
    """The program; what it refused of some shapes it refuses again without being traced anew: values play no part."""
    refused: dict[Any, Exception] = {}

    def run(point: Point) -> Any:
        leaves, tree = jax.tree.flatten(point)
        key = tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if key in refused:
            raise refused[key]
        try:
            return program(point)
        # What is raised while a program is traced; one that has been compiled raises none of these.
        except (TypeError, ValueError, NotImplementedError, Unsupported) as error:
            refused[key] = error
            raise

    return run


def _function(operation: Operation, point: Point) -> Callable[..., Tensors]:
    return lambda *primals: operation(*primals, **point.rest)


def _device(name: str) -> Any:
    try:
        return jax.local_devices(backend=name)[0]
    except RuntimeError:
        return None
