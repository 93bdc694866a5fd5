"""The switches of compilers: what makes a compiled program another one, for `nnparity passes`.

Nothing here imports a framework. A target's process is told its switches by its environment.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from nnparity.adapters.switches import grappler, inductor, xla
from nnparity.adapters.switches.switch import Compiler

#: XLA where eager code is other kernels, and where it makes that too.
_COMPILED_ALONE, _EVERYWHERE = replace(xla.COMPILER, apart=True), replace(xla.COMPILER, both=True)
#: Backend and mode -> the compiler of that mode.
COMPILERS: Mapping[tuple[str, str], Compiler] = MappingProxyType(
    {
        ("torch", "compiled"): inductor.COMPILER,
        ("tensorflow", "graph"): grappler.COMPILER,
        ("tensorflow", "compiled"): _COMPILED_ALONE,
        ("keras-tensorflow", "graph"): grappler.COMPILER,
        ("keras-tensorflow", "compiled"): _COMPILED_ALONE,
        ("jax", "compiled"): _EVERYWHERE,
        ("keras-jax", "compiled"): _EVERYWHERE,
    }
)
