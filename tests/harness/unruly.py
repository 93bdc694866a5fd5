"""An adapter that misbehaves, in the way that the attribute `do` of a request says, and is the reference otherwise.

The worker loads it like any other adapter, as ``nnparity.tests.harness.unruly:Unruly``.
"""

import ctypes
import os
import signal
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Failure, Request


class Odd:
    """What unpickles in no other process: it asks for an argument that it did not keep."""

    def __reduce__(self) -> Any:
        return (_refuse, ())


def _refuse() -> None:
    if os.environ.get("NNPARITY_UNRULY") != "1":
        raise TypeError("I cannot be unpickled here")


class Unruly(NumpyAdapter):
    """The reference, and what may go wrong."""

    backend = "unruly"

    def observe(self, request: Request) -> Any:
        attributes = dict(request.attributes)
        do = attributes.pop("do", "well")
        seen = super().observe(replace(request, attributes=attributes))
        return getattr(self, f"do_{do.replace(' ', '_')}")(request, seen)

    def do_well(self, request: Request, seen: Any) -> Any:
        return seen

    def do_raise(self, request: Request, seen: Any) -> Any:
        raise ArithmeticError("it does not add up")

    def do_refuse(self, request: Request, seen: Any) -> Any:
        return {name: Failure("unsupported", "not in this release") for name in seen}

    def do_hang(self, request: Request, seen: Any) -> Any:
        time.sleep(600)

    def do_exit(self, request: Request, seen: Any) -> Any:
        print("these are my last words", flush=True)
        os._exit(7)

    def do_leave(self, request: Request, seen: Any) -> Any:
        sys.exit("I am leaving")

    def do_die(self, request: Request, seen: Any) -> Any:
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(5)

    def do_wrong_shape(self, request: Request, seen: Any) -> Any:
        return {name: y[None] for name, y in seen.items()}

    def do_wrong_dtype(self, request: Request, seen: Any) -> Any:
        return {name: y.astype(np.float16) for name, y in seen.items()}

    def do_list(self, request: Request, seen: Any) -> Any:
        return list(seen.values())

    def do_nothing(self, request: Request, seen: Any) -> Any:
        return None

    def do_unpicklable(self, request: Request, seen: Any) -> Any:
        return {"output": lambda: 1}

    def do_ununpicklable(self, request: Request, seen: Any) -> Any:
        return {"output": Odd()}

    def do_scalars(self, request: Request, seen: Any) -> Any:
        return {name: 1.0 for name in seen}

    def do_forget(self, request: Request, seen: Any) -> Any:
        return {name: y for name, y in seen.items() if name != "output"}

    def do_invent(self, request: Request, seen: Any) -> Any:
        return seen | {"laplacian": np.zeros(1)}

    def do_write(self, request: Request, seen: Any) -> Any:
        request.inputs["x"][...] = 0
        return seen

    def do_write_behind(self, request: Request, seen: Any) -> Any:
        """As a C extension would: past NumPy's flag."""
        x = request.inputs["x"]
        ctypes.memset(x.ctypes.data, 0, x.nbytes)
        return seen

    def do_print(self, request: Request, seen: Any) -> Any:
        print("chatter" * 10_000, flush=True)
        os.write(1, b"\x80\x04more chatter")
        return seen


class Unborn(NumpyAdapter):
    """It cannot be made."""

    backend = "unborn"

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        raise RuntimeError("no licence")


class Stillborn(NumpyAdapter):
    """Its process dies while it is made."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        os._exit(3)


class Fragile(NumpyAdapter):
    """It dies once, and cannot be made again."""

    backend = "fragile"

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        marker = os.environ["NNPARITY_FRAGILE"]
        if os.path.exists(marker):
            raise RuntimeError("once was enough")
        open(marker, "w").close()

    def observe(self, request: Request) -> Any:
        os._exit(9)
