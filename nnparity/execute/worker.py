"""The process that holds one target: it alone imports the framework.

Started by `observer` as ``python -m nnparity.execute.worker BACKEND DEVICE MODE SOCKET PARENT``; it speaks `messages`
over the socket of that number. It says what it is (`TargetInfo`), then answers each list of requests with one
`Response` a request, so that whatever was finished before a death is kept.
"""

import contextlib
import gc
import os
import socket
import sys
import time
import traceback
from typing import Any

import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.dialect import spoken
from nnparity.adapters.inspection import lacking, source_of
from nnparity.adapters.registry import load_alone
from nnparity.adapters.request import Array, Failure, MaskedElements, Observation, Request, keys, native, unmasked
from nnparity.adapters.shared.optional_methods import OPTIONAL
from nnparity.adapters.traceback import frames_of
from nnparity.execute import messages
from nnparity.execute.channel import Channel, Closed
from nnparity.execute.lifetime import end_with
from nnparity.execute.limits import allowed, limit
from nnparity.execute.protocol import Response, TargetInfo
from nnparity.spec import packs


def serve(channel: Channel, backend: str, device: str, mode: str) -> None:
    """Responses until the other end is closed. A target that cannot be made is sent as the exception."""
    gc.disable()  # nearly all that a framework imports stays: to look through it meanwhile takes a tenth of the time
    try:
        adapter, info = _begin(backend, device, mode)
        message = messages.of_answer(info)
    except Exception as error:  # noqa: BLE001  (whatever it is, the harness is told)
        told = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        channel.send(messages.of_answer("\n".join(told)))
        return
    channel.send(message)
    gc.freeze()  # later it is looked through no more, either
    gc.enable()
    while True:
        try:
            requests = messages.asked(channel.receive())
        except Closed:
            return
        for number, request in enumerate(requests):
            channel.send(messages.of_answer(_response(adapter, request, number)))


def _response(adapter: Adapter, request: Request, number: int) -> Response:
    start, before = time.process_time(), adapter.programs
    adapter.notes = {}
    observation = observe(adapter, request)
    programs = {how: count - before.get(how, 0) for how, count in adapter.programs.items()}
    return Response(observation, time.process_time() - start, adapter.notes, programs, number)


def _begin(backend: str, device: str, mode: str) -> tuple[Adapter, TargetInfo]:
    start = time.process_time()
    packs.take_told()
    adapter = made(load_alone(backend), device, mode)
    kernels = {name: (k.text, k.composed, k.because, k.convention) for name, k in adapter.kernels().items()}
    seconds = time.process_time() - start
    return adapter, TargetInfo(
        target=adapter.target,
        versions=adapter.versions(),
        kernels=kernels,
        unsupported=dict(adapter.unsupported),
        second_order=adapter.second_order,
        devices=adapter.devices(),
        import_seconds=seconds,
        nondeterministic=dict(adapter.nondeterministic),
        layouts=tuple(adapter.layouts),
        precision=dict(adapter.precision),
        spoken=spoken(type(adapter)),
        source=source_of(type(adapter)),
        sets_threads=adapter.sets_threads,
        gives=tuple(method for method in OPTIONAL if adapter.gives(method)),
        slow=adapter.slow,
        lacking=lacking(adapter),
    )


def made(kind: type[Adapter], device: str, mode: str) -> Adapter:
    """An adapter. What it raises is told with the lines of its own file."""
    try:
        found = kind(device, mode)
        if not hasattr(found, "device"):
            raise TypeError(f"{kind.__name__}.__init__ does not call super().__init__(device, mode)")
        return found
    except Exception as error:
        for line in frames_of(error, kind):
            error.add_note(line)
        raise


def observe(adapter: Adapter, request: Request) -> Observation:
    """What the adapter returns, guarded: it may raise, and it may not change its inputs.

    Not MemoryError: what took the memory may keep it, and with it every case to come. That process ends.
    """
    arrays = _arrays(request)
    before = [array.tobytes() for _, array in arrays]
    for _, array in arrays:
        array.flags.writeable = False
    try:
        observation: Any = adapter.observe(request)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  (an adapter may raise anything: it costs this case)
        told = [f"{type(error).__name__}: {error}", *frames_of(error, type(adapter))]
        return _all(request, "\n".join(told))
    if not isinstance(observation, dict):
        return _all(request, f"the adapter returned {type(observation).__name__}, not a dict of quantities")
    changed = [name for (name, array), old in zip(arrays, before, strict=True) if array.tobytes() != old]
    if changed:
        return _all(request, f"the adapter changed its input {changed[0]}")
    return {name: _answer(seen) for name, seen in observation.items() if isinstance(name, str)}


def _answer(seen: Any) -> Array | Failure:
    """An array of plain numbers in this machine's byte order, or why it is none: whoever reads on may rely on it."""
    if isinstance(seen, Failure):
        return seen
    if not isinstance(seen, np.ndarray | np.generic):
        return Failure("error", f"the adapter returned {type(seen).__name__}, not an array")
    array = np.asarray(seen)
    if array.dtype.hasobject or array.dtype.names:
        return Failure("error", "the adapter returned an array of objects: ragged, or not of numbers")
    if not messages.readable(array.dtype):
        return Failure("error", f"the adapter returned an array of {array.dtype.name}, which nothing here reads")
    try:
        unmasked(seen)
    except MaskedElements as error:
        return Failure("error", f"the adapter returned a masked array: {error}")
    return native(array)


def _arrays(request: Request) -> list[tuple[str, Any]]:
    groups = (request.inputs, request.cotangents, request.tangents)
    return [item for group in groups for item in group.items()]


def _all(request: Request, message: str) -> Observation:
    names = [name for family in sorted(request.quantities) for name in keys(family, request)]
    return {name: Failure("error", message) for name in names}


def _channel(number: int) -> Channel:
    """The socket that was handed over; what the adapter starts does not inherit it."""
    os.set_inheritable(number, False)
    return Channel(socket.socket(fileno=number))


def _end(error: BaseException) -> None:
    """Ends the process at once: threads that an adapter has started would keep it, and the harness waiting."""
    code = getattr(error, "code", 1)
    if not isinstance(error, SystemExit):
        traceback.print_exception(error, limit=-1, chain=False)  # where it was raised: few lines are told
    elif isinstance(code, str):
        print(code, file=sys.stderr)  # noqa: T201  (as the interpreter does)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    end_with(int(sys.argv[5]))
    limit(allowed())
    try:
        serve(_channel(int(sys.argv[4])), *sys.argv[1:4])
    except BaseException as error:  # noqa: BLE001  (whatever it is, this process has nothing more to do)
        _end(error)
