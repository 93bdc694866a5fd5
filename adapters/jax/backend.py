"""JAX: what `jax.nn` and `jax.lax` give, compiled by `jax.jit` or op by op, on the CPU or a CUDA device.

float64 is enabled and matmuls run at their highest precision; `compiled+tf32` has TF32 on CUDA. There XLA is told to be
deterministic; `compiled+nondeterministic` is XLA as it comes. JAX has few whole layers of its own:
much here is composed, and each method says so. How it differentiates is in `arrays`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

# Else JAX takes most of a GPU's memory when it starts.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax

from nnparity.adapters.jax import executables, program_cache
from nnparity.adapters.jax.arrays import JaxArrays
from nnparity.adapters.jax.bert import JaxBert
from nnparity.adapters.jax.layers import JaxLayers
from nnparity.adapters.jax.losses import JaxLosses
from nnparity.adapters.jax.models import JaxModels
from nnparity.adapters.jax.optimizers import JaxOptimizers
from nnparity.adapters.jax.sequences import JaxSequences
from nnparity.adapters.jax.training import JaxTraining
from nnparity.adapters.kernel import NotCompiled, Point, Program, Unsupported, place
from nnparity.adapters.shared.devices import CUDA, NONDETERMINISTIC, TENSOR_FLOAT_32, GpuModes, with_options

jax.config.update("jax_enable_x64", True)
# Else what JAX raises while it traces seems to come from the adapter: its own frames are cut out.
jax.config.update("jax_traceback_filtering", "off")
program_cache.keep()


#: XLA's own word for kernels and algorithms that give the same bits again; it reads it with the first device.
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
#: What that flag is documented to rule out: scatters by atomic additions, and algorithms of cuDNN that vary.
VARYING = MappingProxyType(
    dict.fromkeys(("conv2d", "listing_cnn", "train_cnn"), "cuDNN's algorithms, chosen by time, may vary")
    | {"embedding": "XLA scatters by atomic additions, in an order that varies"}
)


class JaxBase(GpuModes, JaxArrays):
    """The same at full precision, with its modes and the programs that are kept."""

    refused = MappingProxyType(
        {
            (formula, "float16", "*", "cpu*"): "XLA has no float16 product that is summed in float32 on the CPU"
            for formula in ("*attention", "listing_bert")
        }
    )
    second_order = "forward over reverse: jax.jvp of jax.vjp"
    #: What a program is traced under beside JAX's own settings.
    settings = ""

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        _asking_for_determinism(device, mode)
        super().__init__(device, mode)

    @property
    def programs(self) -> dict[str, int]:
        return dict(program_cache.counted)

    @contextmanager
    def scope(self) -> Iterator[None]:
        program_cache.make_room(executables.let_go)
        with jax.default_device(self.place), jax.default_matmul_precision(self._precision):
            yield

    def compile(self, program: Program) -> Program:
        if self.way != "compiled":
            return program
        return _refusing(executables.kept(self, program) or jax.jit(program))

    @property
    def _precision(self) -> str:
        return "tensorfloat32" if self.option == TENSOR_FLOAT_32 else "highest"


class JaxAdapter(JaxLayers, JaxSequences, JaxLosses, JaxOptimizers, JaxModels, JaxTraining, JaxBert, JaxBase):
    """Formulas as JAX computes them."""

    backend = "jax"
    packages = ("jax", "jaxlib")
    modes = with_options(("compiled", "eager"))
    varying = VARYING
    unsupported = MappingProxyType({"adam_eps_hat": "jax's optimiser has the paper's other form: see adam"})


def _asking_for_determinism(device: str, mode: str) -> None:
    """Before any device is asked for: afterwards XLA does not read its flags any more."""
    if place(device)[0] == CUDA and not mode.endswith(NONDETERMINISTIC):
        flags = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*flags, DETERMINISTIC]))


def _refusing(program: Any) -> Program:
    """The program, which must have been compiled once it ran.

    What it refused of some shapes it refuses again without being traced anew.
    """
    refused: dict[Any, Exception] = {}

    def run(point: Point) -> Any:
        key = executables.shapes_of(point)
        if key in refused:
            raise refused[key]
        try:
            found = program(point)
        # What is raised while a program is traced; one that has been compiled raises none of these.
        except (TypeError, ValueError, NotImplementedError, Unsupported) as error:
            refused[key] = error
            raise
        if not program._cache_size():
            raise NotCompiled("jax.jit made no program: this is code run op by op")
        return found

    return run
