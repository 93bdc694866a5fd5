"""An adapter that attacks what it answers through: the channel, the process, the harness. Others: see `unruly`."""

import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Failure, Request


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


DEEDS: dict[str, Callable[[Request, Any], Any]] = {
    "close": closes,
    "empty": _message(0),
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
