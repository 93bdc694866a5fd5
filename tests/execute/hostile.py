"""An adapter that attacks what it answers through: the channel, the process, the harness. Others: see `unruly`."""

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import kernel
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Failure, Request
from nnparity.adapters.shared.forward_only import ForwardOnly
from nnparity.execute import messages
from nnparity.execute.protocol import Response


def _send(data: bytes) -> None:
    """Into the channel, past the worker."""
    with socket.socket(fileno=os.dup(int(sys.argv[4]))) as channel:
        channel.sendall(data)


def _message(length: int, data: bytes = b"") -> Callable[[Request, Any], Any]:
    def deed(request: Request, seen: Any) -> Any:
        _send(struct.pack("<Q", length) + data)
        return seen

    return deed


def closes(request: Request, seen: Any) -> Any:
    os.close(int(sys.argv[4]))
    time.sleep(600)


def half_a_message(request: Request, seen: Any) -> Any:
    _send(struct.pack("<Q", 1000) + b"half")
    time.sleep(600)


def forks(request: Request, seen: Any) -> Any:
    """A child that holds the channel, when the target is gone."""
    if not os.fork():
        time.sleep(600)
    os._exit(3)


def interrupts(request: Request, seen: Any) -> Any:
    os.kill(os.getpid(), signal.SIGRTMIN + 3)
    time.sleep(5)


def stops(request: Request, seen: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSTOP)
    return seen


def wanders(request: Request, seen: Any) -> Any:
    os.chdir("/")
    os.environ.clear()
    sys.path.clear()
    return seen


def prints(request: Request, seen: Any) -> Any:
    os.write(2, b"x" * 10_000_000)
    os._exit(4)


def answers(number: int) -> Callable[[Request, Any], Any]:
    """One answer more, to the request of that number, before its own; that is asked second."""

    def deed(request: Request, seen: Any) -> Any:
        told = messages.of_answer(Response(seen, 0.0, number=number))
        _send(struct.pack("<Q", len(told)) + told)
        return seen

    return deed


def only_in(family: str, deed: Callable[[], Any]) -> Callable[[Request, Any], Any]:
    """What is done where that family of quantities is asked for, alone or with others."""

    def done(request: Request, seen: Any) -> Any:
        if family in request.quantities:
            deed()
        return seen

    return done


#: What a target keeps that takes all the memory it gets.
HOARD: list[Any] = []


def hoards(request: Request, seen: Any) -> Any:
    while True:
        HOARD.append(np.ones(1 << 24, np.uint8))


def raised(error: BaseException) -> Callable[[Request, Any], Any]:
    def deed(request: Request, seen: Any) -> Any:
        raise error

    return deed


class Unprintable(Exception):
    """It cannot be told."""

    def __str__(self) -> str:
        raise ValueError("nobody shall know")


class Unclassed(BaseException):
    """No `except Exception` catches it."""


def recurs(request: Request, seen: Any) -> Any:
    return recurs(request, seen)


def turns_deaf(request: Request, seen: Any) -> Any:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def alarms(request: Request, seen: Any) -> Any:
    signal.alarm(1)
    time.sleep(600)


def opens_all_files(request: Request, seen: Any) -> Any:
    kept = [Path(os.devnull).open() for _ in range(1 << 20)]  # noqa: SIM115
    return dict.fromkeys(seen, kept)


def closes_output(request: Request, seen: Any) -> Any:
    os.close(1)
    os.close(2)
    return seen


def forgets_inputs(request: Request, seen: Any) -> Any:
    request.inputs.clear()
    request.cotangents.clear()
    return seen


def patches_numpy(request: Request, seen: Any) -> Any:
    np.asarray = np.array = None  # type: ignore[assignment]
    return seen


def starts_thread(request: Request, seen: Any) -> Any:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return seen


def each(change: Callable[[Any], Any]) -> Callable[[Request, Any], Any]:
    """What is made of each array."""
    return lambda request, seen: {name: change(np.asarray(x)) for name, x in seen.items()}


DEEDS: dict[str, Callable[[Request, Any], Any]] = {
    "answer again": answers(0),
    "answer twice": answers(1),
    "answer ahead": answers(2),
    "exit 0": lambda request, seen: os._exit(0),
    "abort": lambda request, seen: os.abort(),
    "exec": lambda request, seen: os.execvp("true", ["true"]),
    "terminate": lambda request, seen: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(600),  # type: ignore[func-returns-value]
    "hoard": hoards,
    "hang in hvp": only_in("hvp", lambda: time.sleep(600)),
    "die in hvp": only_in("hvp", lambda: os._exit(5)),
    "die in grad": only_in("grad", lambda: os._exit(6)),
    "interrupt": raised(KeyboardInterrupt()),
    "generator exit": raised(GeneratorExit()),
    "unclassed": raised(Unclassed("beyond Exception")),
    "unprintable": raised(Unprintable()),
    "stop iteration": raised(StopIteration("no more")),
    "recursion": recurs,
    "deaf": turns_deaf,
    "alarm": alarms,
    "all files": opens_all_files,
    "close output": closes_output,
    "forget inputs": forgets_inputs,
    "patch": patches_numpy,
    "thread": starts_thread,
    "enormous": lambda request, seen: {name: np.broadcast_to(np.float32(1), (1 << 40,)) for name in seen},
    "large": lambda request, seen: {name: np.zeros(1 << 22, np.float32) for name in seen},
    "big-endian": each(lambda x: x.astype(x.dtype.newbyteorder(">"))),
    "long double": each(lambda x: x.astype(np.longdouble)),
    "truth values": each(lambda x: x.astype(bool)),
    "integers": each(lambda x: x.astype(np.int64)),
    "empty": each(lambda x: x[:0]),
    "one more axis": each(lambda x: x[None]),
    "transposed": each(lambda x: x.T),
    "backward in memory": each(lambda x: x[::-1].copy()[::-1]),
    "masked array": each(lambda x: np.ma.masked_array(x, mask=True)),
    "record array": each(lambda x: np.rec.array(np.zeros(x.shape, [("a", "f4")]))),
    "nested": lambda request, seen: {name: {"value": x} for name, x in seen.items()},
    "no quantity": lambda request, seen: {},
    "a generator": lambda request, seen: (x for x in seen.values()),
    "close": closes,
    "empty message": _message(0),
    "half": half_a_message,
    "huge": _message(2**62),
    "negative": _message(2**64 - 1),
    "rubbish": _message(5, b"\x80\x04K\x01."),
    "another type": _message(7, b"\xa6answer"),
    "fork": forks,
    "real-time signal": interrupts,
    "stop": stops,
    "wander": wanders,
    "print": prints,
    "surrogate": lambda request, seen: dict.fromkeys(seen, Failure("error", "[x]\ud800\x1b[31m")),
    "long": lambda request, seen: dict.fromkeys(seen, Failure("error", "x" * 10**7)),
    "names": lambda request, seen: {f"{name}\ud800": x for name, x in seen.items()},
    "dates": lambda request, seen: {name: np.full(np.shape(x), "2000", "M8[s]") for name, x in seen.items()},
    "eighths": lambda request, seen: {name: np.zeros(np.shape(x), ml_dtypes.float8_e5m2) for name, x in seen.items()},
}


class Hostile(NumpyAdapter):
    """The reference, and an attack where a request says so."""

    backend = "hostile"

    def observe(self, request: Request) -> Any:
        attributes = dict(request.attributes)
        deed = DEEDS.get(attributes.pop("do", ""), lambda request, seen: seen)
        return deed(request, super().observe(replace(request, attributes=attributes)))


class Liar(NumpyAdapter):
    """What it says of itself is of the wrong types."""

    backend = "liar"

    def versions(self) -> Any:
        return [{"numpy": 1}, print]


class Markup(NumpyAdapter):
    """What it says looks like markup of a terminal."""

    backend = "markup"

    def observe(self, request: Request) -> Any:
        return dict.fromkeys(super().observe(request), Failure("error", "[/red] [bold]"))


class Slow(NumpyAdapter):
    """The reference, with time to be interrupted."""

    backend = "slow"

    def observe(self, request: Request) -> Any:
        time.sleep(0.1)
        return super().observe(request)


class HangsInHalf(NumpyAdapter):
    """The reference, but in float16 it answers one number alone: with two it dies, with more it hangs."""

    backend = "hangs"

    def observe(self, request: Request) -> Any:
        if request.float_dtype == "float16" and request.inputs["x"].size > 1:
            os._exit(3) if request.inputs["x"].size == 2 else time.sleep(600)
        return super().observe(request)


class DiesJointly(NumpyAdapter):
    """One program gives all quantities, and dies where the second derivative is one of them."""

    backend = "jointly"
    joint = True

    def hvp(self, *_: Any) -> Any:
        os._exit(5)


class Hoarder(NumpyAdapter):
    """Its gradient asks for more memory than there is."""

    backend = "hoarder"

    def vjp(self, *_: Any) -> Any:
        return np.ones(1 << 50)


class DiesForward(ForwardOnly):
    """Its kernel ends the process; of derivatives it has none."""

    backend = "forward"
    packages = ("numpy",)

    def put(self, array: Any) -> Any:
        return array

    def get(self, tensor: Any) -> Any:
        return tensor

    @kernel("os._exit")
    def tanh(self, x: Any) -> Any:
        os._exit(x.ndim)


class DiesWithGradients(DiesForward):
    """The same, with gradients and no more."""

    def vjp(self, operation: Any, point: Any) -> Any:
        return operation(*point.primals), point.primals

    jvp, hvp = Adapter.jvp, Adapter.hvp
