"""Devices by their words, and the modes that only an accelerator has: TF32, and kernels that may give other bits again.

A word is a kind and, from the second of that kind on, which: `cpu`, `cpu1`, `cuda`, `cuda1`. A mode is how programs are
made, and after a plus what holds in them beside: `eager+tf32`.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import DeviceUnavailable, place
from nnparity.spec.precision import TF32

CPU, CUDA = "cpu", "cuda"
#: What may stand behind the plus.
TENSOR_FLOAT_32, NONDETERMINISTIC = "tf32", "nondeterministic"


def words(kind: str, count: int) -> Iterator[str]:
    """The words of so many devices of a kind; the first has no number."""
    return (f"{kind}{place or ''}" for place in range(count))


class GpuModes(Adapter):
    """A framework that on a GPU may take TF32 for float32, or kernels whose results vary: where a mode says so.

    `DeviceUnavailable` is raised where such a mode is asked of a CPU, which has nothing of the kind.
    """

    #: Formulas of which the framework documents that its usual kernels on a GPU need not give the same bits again.
    varying: ClassVar[Mapping[str, str]] = {}

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        kind, _ = place(self.device)
        if self.option and kind != CUDA:
            raise DeviceUnavailable(f"{self.backend}'s mode {self.mode} is for {CUDA}, not for {self.device}")
        if self.option == TENSOR_FLOAT_32:
            self.precision: Mapping[tuple[str, str, str], str] = MappingProxyType(
                {("*", "float32", "*"): TF32, **self.precision}
            )
        if self.option == NONDETERMINISTIC:
            self.nondeterministic: Mapping[str, str] = MappingProxyType({**self.nondeterministic, **self.varying})

    @property
    def way(self) -> str:
        """How programs are made: the mode up to the plus."""
        return self.mode.partition("+")[0]

    @property
    def option(self) -> str:
        """What else the mode says."""
        return self.mode.partition("+")[2]

    @property
    def deterministic(self) -> bool:
        """Whether the framework is to be told to take kernels that give the same bits again: on a GPU, unless said."""
        return place(self.device)[0] == CUDA and self.option != NONDETERMINISTIC


def with_options(ways: tuple[str, ...]) -> tuple[str, ...]:
    """The modes of an adapter: its ways, then the first of them with each option."""
    return (*ways, *(f"{ways[0]}+{option}" for option in (TENSOR_FLOAT_32, NONDETERMINISTIC)))
