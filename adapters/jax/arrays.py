"""JAX's arrays and derivatives, without formulas and without touching a setting of the process.

Reverse mode is `jax.vjp`, forward mode `jax.jvp`, and a Hessian-vector product is the JVP of a VJP.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import jax
import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors, place
from nnparity.adapters.request import Array
from nnparity.adapters.shared.devices import CPU, CUDA, words
from nnparity.adapters.shared.nesting import Nesting


class JaxArrays(Nesting):
    """What any code on JAX's arrays shares, the adapter's own and a user's."""

    refusals = ("is not supported by dot_general",)
    forward_over_reverse = Adapter.forward_over_reverse  # none: `hvp` is that
    joint = True
    #: Whether float64 is asked about: without this JAX makes it float32, in a process that has not enabled it.
    wide = False

    @classmethod
    def devices(cls) -> list[str]:
        return [word for kind in (CPU, CUDA) for word in words(kind, len(_local(kind)))]

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        kind, which = place(self.device)
        self.place = _local(kind)[which]

    @contextmanager
    def scope(self) -> Iterator[None]:
        with jax.default_device(self.place), _float64() if self.wide else nullcontext():
            yield

    def put(self, array: Array) -> Any:
        return jax.device_put(np.array(array), self.place)

    def get(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def vmap(self, program: Callable[..., Tensors]) -> Callable[..., Tensors]:
        return jax.vmap(program)

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


def _function(operation: Operation, point: Point) -> Callable[..., Tensors]:
    return lambda *primals: operation(*primals, **point.rest)


def _float64() -> Any:
    """For this thread and this while: `jax.enable_x64`, which older versions have in `jax.experimental` alone."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax import experimental

    return experimental.enable_x64()


def _local(kind: str) -> list[Any]:
    """The devices of a kind; XLA can be told to have several CPUs: see `--xla_force_host_platform_device_count`."""
    try:
        return list(jax.local_devices(backend=kind))
    except RuntimeError:
        return []
