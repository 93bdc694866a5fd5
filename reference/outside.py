"""Code from outside that is read as the reference is: where it fails, its own line is told, and no fault of ours.

A function handed to `nnparity.formula` is such, and so are the references of packs.
"""

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from nnparity.reference.readings import Dual, compositions
from nnparity.reference.readings.base import JOINS, MOVES, Reading
from nnparity.spec.usage import UsageError

#: What a reading says of a function that it does not know.
NO_RULE = "has no rule for"


def located(function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """The function, whose failures are UsageErrors that name what it does not know, and the line that calls it.

    `name` is what it is called there, by default its own.
    """
    called = name or str(getattr(function, "__name__", function))

    def run(*inputs: Any, **attributes: Any) -> Any:
        try:
            found = function(*inputs, **attributes)
        except (UsageError, MemoryError):
            raise
        except Exception as error:
            raise UsageError(_unknown(function, called, error)) from error
        for one in found if isinstance(found, tuple) else (found,):
            if one is None or isinstance(one, list | dict | str):
                raise UsageError(f"{called} returns a {type(one).__name__}, expected an array or a tuple of them")
            if not isinstance(one, Reading) and np.asarray(one).dtype == object:
                raise UsageError(f"{called} turned a reading into an array, by numpy.asarray or the like")
        return found

    return run


def _unknown(function: Callable[..., Any], called: str, error: Exception) -> str:
    file = inspect.getsourcefile(function)
    own = [one for one in traceback.extract_tb(error.__traceback__) if one.filename == file]
    code = getattr(function, "__code__", None)
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}: {own[-1].line}" if own else _head(code)
    told = [f"{called} cannot be read: {place}", f"{type(error).__name__}: {error}"]
    if NO_RULE in str(error):
        told.append(f"known of NumPy are {', '.join(_known())}")
    return "\n  ".join(told)


def _head(code: CodeType | None) -> str:
    """Where a function begins that was not even entered."""
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else "its call"


def _known() -> list[str]:
    """The functions that every reading has a rule for."""
    rules = {*Dual.UFUNCS, *Dual.FUNCTIONS, *compositions.UFUNCS, *compositions.FUNCTIONS, *MOVES, *JOINS}
    return sorted(one.__name__ for one in rules)
