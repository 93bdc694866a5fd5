"""A target: its name as it is asked for, and, once started, its observer with what was found out about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from nnparity.adapters.kernel import place
from nnparity.adapters.registry import COMPILED, builtin_names, cost, names
from nnparity.adapters.request import declared
from nnparity.execute.observer import Observer
from nnparity.execute.subnormal_probe import flushes
from nnparity.spec import Formula
from nnparity.spec.cases.layouts import CONTIGUOUS
from nnparity.spec.precision import ACCUMULATE
from nnparity.spec.usage import UsageError

#: The kinds of device that all backends in the box know, and those that some have beside; the devices of others are
#: their adapters' words.
DEVICES = ("cpu", "cuda")
FURTHER = MappingProxyType({"torch": ("xla",)})


def kinds(backend: str) -> tuple[str, ...]:
    """The kinds of device that may be asked of a backend in the box."""
    return DEVICES + FURTHER.get(backend, ())


def kind(device: str) -> str:
    """Of what kind a device is: the first of a kind has no number, the second is `cpu1` or `cuda1`."""
    return place(device)[0]


@dataclass(frozen=True)
class TargetName:
    """A target as it is asked for. `backend` may be a name, ``module:Class`` or ``file.py:Class``.

    No `mode` is the backend's usual one, no `device` that of an adapter of one's own: which that is the target itself
    says, once it is started.
    """

    backend: str
    device: str = "cpu"
    mode: str = ""

    @classmethod
    def of(cls, text: str, device: str = "", mode: str = "") -> "TargetName":
        """From ``jax``, ``jax:cuda``, ``jax:cpu:compiled`` or ``file.py:Class:npu0:fast``.

        `device` and `mode` stand for what is left out.
        """
        first, *rest = text.split(":")
        if first not in names() and rest:
            first, rest = f"{first}:{rest[0]}", rest[1:]
        if len(rest) > 2:
            return cls(text, device, mode)
        usual = device or ("cpu" if first in builtin_names() else "")
        return cls(first, *rest, *(usual, mode)[len(rest) :])

    @property
    def boxed(self) -> bool:
        """Whether its adapter comes with nnparity."""
        return self.backend in builtin_names()

    def __str__(self) -> str:
        return f"{self.backend}:{self.device}:{self.mode}".rstrip(":")


def named(backends: Sequence[str], device: str = "", mode: str = "") -> tuple[TargetName, ...]:
    """The targets that a command is asked for, `device` and `mode` where a backend's own name leaves them out.

    Raises UsageError for one of them that every backend names otherwise: left alone, the command would run elsewhere
    than was asked, and pass.
    """
    found = tuple(TargetName.of(backend, device, mode) for backend in backends)
    for option, asked in (("device", device), ("mode", mode)):
        if asked and asked not in (getattr(one, option) for one in found):
            told = ", ".join(dict.fromkeys(backends))
            raise UsageError(
                f"--{option} {asked} is taken by no --backend: {told} says which {option}, and --{option} is for those "
                "that do not"
            )
    return found


@dataclass
class Target:
    """An observer with what was found out about it."""

    observer: Observer
    flushes: dict[str, bool]
    #: As it was asked for, if it was: what a plan gives it was settled by that, before it was started.
    asked: TargetName | None = None
    #: How the inputs lie that it is asked with, where a hunt has drawn that.
    layout: str = CONTIGUOUS

    @property
    def name(self) -> str:
        """As verdicts carry it: ``torch:cpu:eager``."""
        return self.observer.info.target

    @property
    def backend(self) -> str:
        """The first part of its name."""
        return self.name.rsplit(":", 2)[0]

    @property
    def device(self) -> str:
        """The part of its name in between."""
        return self.name.rsplit(":", 2)[1]

    @property
    def mode(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(":")[2]

    @property
    def named(self) -> TargetName:
        """What it is called in a plan: `name` has the usual mode of an adapter of one's own too, and its own word."""
        return self.asked or TargetName(self.backend, mode=self.mode)

    @property
    def traces_nothing(self) -> bool:
        """Whether another shape or dtype costs next to nothing there, less than a tenth of compiling it."""
        return cost(self.named.backend, self.named.mode) < COMPILED / 10

    def refuses(self, formula: Formula) -> str | None:
        """Why the target has nothing to say about the formula, or None."""
        info = self.observer.info
        if formula.id in info.unsupported:
            return info.unsupported[formula.id]
        return None if formula.id in info.kernels else f"the adapter gives no {formula.id}"

    def model(self, formula: str, dtype: str, quantity: str) -> str:
        """The model of its precision that the target is held to there."""
        return declared(self.observer.info.precision, (formula, dtype, quantity)) or ACCUMULATE


def start(name: TargetName, dtypes: Sequence[str], timeout: float = 120.0, scratch: str = "") -> Target:
    """A target, ready. Raises TargetUnavailable, and UsageError where its adapter gives it a name that is none."""
    observer = Observer(name.backend, name.device, name.mode, timeout, scratch)
    parts = observer.info.target.rsplit(":", 2)
    if len(parts) < 3 or not all(parts):
        observer.close()
        raise UsageError(f"{name.backend}: `target` is {observer.info.target!r}, and has to be BACKEND:DEVICE:MODE")
    return Target(observer, flushes(observer, dtypes), name)
