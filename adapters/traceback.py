"""Where an exception was raised: by a framework, or by the adapter's own mistake."""

import dis
from collections.abc import Iterator
from types import FrameType, TracebackType

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


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames from the outermost to where it was raised, each with its instruction."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _is_ours(frame: FrameType, ours: set[str]) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name in ours or name.startswith(("nnparity.adapters", "nnparity.execute"))
