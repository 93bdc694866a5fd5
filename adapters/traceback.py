"""Where an exception was raised: by a framework, or by the adapter's own mistake."""

import dis
import linecache
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType

from nnparity.adapters.request import Failure

#: What an instruction of the adapter's own frame does when code without a frame, compiled, raises: it calls something.
CALLS = ("CALL", "BINARY", "UNARY", "COMPARE", "CONTAINS", "STORE_SUBSCR", "STORE_ATTR", "GET_ITER", "FOR_ITER")
#: What Python itself says of a call whose arguments do not fit: nothing of the framework was run.
MISCALLED = (
    "unexpected keyword argument",
    "missing 1 required",
    "required positional argument",
    "required keyword-only argument",
    "positional argument but",
    "positional arguments but",
    "multiple values for",
    "object is not callable",
)
#: What Python says of its own containers.
CONTAINERS = ("tuple index out of range", "list index out of range")
COMPILED = "compiled code"
#: Lines of an adapter's own file that an error tells.
FRAMES = 3


def raised_in(error: BaseException, adapter: type) -> str:
    """The module that the adapter called and that raised, or COMPILED; nothing where the adapter itself did."""
    ours = {one.__module__ for one in adapter.__mro__}
    frames = list(_frames(error.__traceback__))
    last = max((place for place, (frame, _) in enumerate(frames) if _is_ours(frame, ours)), default=-1)
    if last + 1 < len(frames):
        return str(frames[last + 1][0].f_globals.get("__name__", "?"))
    if not frames or isinstance(error, NameError | AttributeError | KeyError | ImportError):
        return ""
    if any(words in str(error) for words in (*MISCALLED, *CONTAINERS)):
        return ""
    frame, place = frames[-1]
    return COMPILED if dis.opname[frame.f_code.co_code[place]].startswith(CALLS) else ""


def comes_along(one: type) -> bool:
    """Whether a class comes with nnparity, or with Python: it is none of the user's."""
    return one.__module__.startswith("nnparity.adapters.") or one.__module__ in ("builtins", "abc")


def by_its_class(one: type) -> str:
    """The name of a backend that says none: `NoBias` is no-bias."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", one.__name__).lower()


def frames_of(error: BaseException, adapter: type) -> list[str]:
    """The last lines of the adapter's own file that an error came through; of those that come with nnparity none."""
    own = {one.__module__ for one in adapter.__mro__ if not comes_along(one)}
    frames = [
        (frame.f_code, line) for frame, line in _lines(error.__traceback__) if frame.f_globals.get("__name__") in own
    ]
    return [located(code.co_filename, line, code.co_name) for code, line in frames[-FRAMES:]]


def located(file: str, line: int, name: str) -> str:
    """A line of a traceback, with what stands there."""
    return f"  {Path(file).name}:{line} in {name}: {linecache.getline(file, line).strip()}".removesuffix(": ")


def lines_in(error: BaseException, file: str) -> list[tuple[int, str]]:
    """The lines of a file that an error came through, each with the name of its function."""
    found = ((frame.f_code, line) for frame, line in _lines(error.__traceback__))
    return [(line, code.co_name) for code, line in found if code.co_filename == file]


def _lines(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames from the outermost to where it was raised, each with its instruction."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _is_ours(frame: FrameType, ours: set[str]) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name in ours or name.startswith(("nnparity.adapters", "nnparity.execute"))


def with_frames(failure: Failure, frames: list[str]) -> Failure:
    """An error with the lines of the adapter's own file that it came through."""
    if failure.kind == "unsupported" or not frames:
        return failure
    return replace(failure, message="\n".join([failure.message, *frames]))
