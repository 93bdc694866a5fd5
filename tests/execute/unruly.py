"""An adapter that misbehaves, in the way that the attribute `do` of a request says, and is the reference otherwise.

The worker loads it like any other adapter, as ``nnparity.tests.execute.unruly:Unruly``.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nnparity.adapters.kernel import Kernel, Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Failure, Request


class Odd(Failure):
    """Unpickled by the harness it would end the run, with a status that says that all is well."""

    def __reduce__(self) -> Any:
        return (os._exit, (0,))


def well(request: Request, seen: Any) -> Any:
    return seen


def raises(request: Request, seen: Any) -> Any:
    raise ArithmeticError("it does not add up")


def hangs(request: Request, seen: Any) -> Any:
    time.sleep(600)


def exits(request: Request, seen: Any) -> Any:
    sys.stdout.write("these are my last words")
    sys.stdout.flush()
    os._exit(7)


def leaves(request: Request, seen: Any) -> Any:
    sys.exit("I am leaving")


def interrupts(request: Request, seen: Any) -> Any:
    raise KeyboardInterrupt("enough")


def dies(request: Request, seen: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(5)


def writes(request: Request, seen: Any) -> Any:
    request.inputs["x"][...] = 0
    return seen


def writes_behind(request: Request, seen: Any) -> Any:
    """As a C extension would: past NumPy's flag."""
    x = request.inputs["x"]
    ctypes.memset(x.ctypes.data, 0, x.nbytes)
    return seen


def chatters(request: Request, seen: Any) -> Any:
    sys.stdout.write("chatter" * 10_000)
    sys.stdout.flush()
    os.write(1, b"\x80\x04more chatter")
    return seen


def shape(seen: Any) -> tuple[int, ...]:
    return seen.shape if isinstance(seen, np.ndarray) else (2, 2)


#: What an adapter may do with a request, given the reference's observation of it.
DEEDS: dict[str, Callable[[Request, Any], Any]] = {
    "well": well,
    "raise": raises,
    "refuse": lambda request, seen: dict.fromkeys(seen, Failure("unsupported", "not in this release")),
    "hang": hangs,
    "exit": exits,
    "leave": leaves,
    "interrupt": interrupts,
    "die": dies,
    "wrong shape": lambda request, seen: {name: np.ones((1, *shape(y)), np.float32) for name, y in seen.items()},
    "wrong dtype": lambda request, seen: {name: np.ones(shape(y), np.float16) for name, y in seen.items()},
    "list": lambda request, seen: list(seen.values()),
    "nothing": lambda request, seen: None,
    "no message": lambda request, seen: dict.fromkeys(seen, Failure("odd", len)),  # type: ignore[arg-type]
    "code": lambda request, seen: dict.fromkeys(seen, Odd("error", "odd")),
    "None": lambda request, seen: dict.fromkeys(seen),
    "0-d": lambda request, seen: {name: np.float32(1) for name in seen},
    "objects": lambda request, seen: {name: np.array([1, None], object) for name in seen},
    "ragged": lambda request, seen: {name: [[1.0], [2.0, 3.0]] for name in seen},
    "text": lambda request, seen: {name: np.full(shape(y), "a") for name, y in seen.items()},
    "complex": lambda request, seen: {name: np.full(shape(y), 1j) for name, y in seen.items()},
    "structure": lambda request, seen: {name: np.zeros(shape(y), [("a", "f4")]) for name, y in seen.items()},
    "keys": lambda request, seen: {7: 1, None: 2},
    "scalars": lambda request, seen: dict.fromkeys(seen, 1.0),
    "forget": lambda request, seen: {name: y for name, y in seen.items() if name != "output"},
    "invent": lambda request, seen: seen | {"laplacian": np.zeros(1)},
    "write": writes,
    "write behind": writes_behind,
    "print": chatters,
}


class Unruly(NumpyAdapter):
    """The reference, and what may go wrong."""

    backend = "unruly"

    def observe(self, request: Request) -> Any:
        attributes = dict(request.attributes)
        deed = DEEDS[attributes.pop("do", "well")]
        return deed(request, super().observe(replace(request, attributes=attributes)))


class Always(NumpyAdapter):
    """It does the same with every request: what the environment says."""

    backend = "always"

    def observe(self, request: Request) -> Any:
        seen = super().observe(request)
        return DEEDS[os.environ["NNPARITY_DO"]](request, seen)


class Modest(NumpyAdapter):
    """It does not have one formula."""

    backend = "modest"
    unsupported = MappingProxyType({"relu": "beyond me"})


class Composed(NumpyAdapter):
    """It says how it came by what it returns."""

    backend = "composed"

    @classmethod
    def kernels(cls) -> dict[str, Kernel]:
        return {name: Kernel("parts", composed=True, because="none fits") for name in super().kernels()}

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        self.notes["jvp"] = "by other means"
        return super().jvp(operation, point)


class Unborn(NumpyAdapter):
    """It cannot be made."""

    backend = "unborn"

    def __init__(self, *_: str) -> None:
        raise RuntimeError("no licence")


class Unmade(NumpyAdapter):
    """It does not make what it is derived from."""

    backend = "unmade"

    def __init__(self, *_: str) -> None:
        pass


class Stillborn(NumpyAdapter):
    """Its process dies while it is made."""

    def __init__(self, *_: str) -> None:
        os._exit(3)


class Fragile(NumpyAdapter):
    """It dies once, and cannot be made again."""

    backend = "fragile"

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        marker = Path(os.environ["NNPARITY_FRAGILE"])
        if marker.exists():
            raise RuntimeError("once was enough")
        marker.touch()

    def observe(self, *_: Request) -> Any:
        os._exit(9)
