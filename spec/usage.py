"""What is asked for and does not exist: an error that says what there is, and what comes nearest."""

import difflib
from collections.abc import Iterable, Sequence

#: Of more names than this only the nearest are told.
MANY = 20


class UsageError(ValueError):
    """Something asked for that does not exist; the message lists what does."""


def require(kind: str, asked: Sequence[str], there: Sequence[str], of: str = "") -> None:
    """Raises UsageError for the first name asked for that is not there, with the nearest one that is."""
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(f"no {kind}{of} is called {name!r}{hint}; there are: {_told(name, there)}")


def nearest(name: str, there: Iterable[str]) -> str:
    """The name that may have been meant, as a question behind another; nothing where none is near."""
    near = difflib.get_close_matches(name, list(there), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _told(name: str, there: Sequence[str]) -> str:
    if len(there) <= MANY:
        return ", ".join(there)
    nearest = difflib.get_close_matches(name, there, MANY, cutoff=0.0)
    return f"{', '.join(nearest)} and {len(there) - MANY} more"
