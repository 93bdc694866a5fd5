"""The switches of compilers: what makes a compiled program another one, for `nnparity passes`.

Nothing here imports a framework. A target's process is told its switches by its environment.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from nnparity.adapters.switches import grappler, inductor, xla
from nnparity.adapters.switches.switch import Compiler

#: Backend and mode -> the compiler of that mode.
COMPILERS: Mapping[tuple[str, str], Compiler] = MappingProxyType(
    {
        ("torch", "compiled"): inductor.COMPILER,
        ("tensorflow", "graph"): grappler.COMPILER,
        ("tensorflow", "compiled"): replace(xla.COMPILER, apart=True),
        ("keras-tensorflow", "graph"): grappler.COMPILER,
        ("keras-tensorflow", "compiled"): replace(xla.COMPILER, apart=True),
        ("jax", "compiled"): replace(xla.COMPILER, both=True),
        ("keras-jax", "compiled"): replace(xla.COMPILER, both=True),
    }
)
