"""What is asked for and does not exist: an error that says what there is, and what comes nearest."""

import difflib
import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import inspect

#: Of more names than this only the nearest are told.
MANY = 20
#: What msgspec says of a field that a table has not, and the place of that table below the one that was read.
UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$([^`]*)`)?")


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


def meant(error: msgspec.ValidationError, kind: type) -> str:
    """Of a field that a table read as `kind` has not, the one that may have been meant, as `nearest` says it."""
    found = UNKNOWN.fullmatch(str(error))
    if found is None:
        return ""
    table = inspect.type_info(kind)
    for name in re.findall(r"\.(\w+)|\[[^\]]*\]", found[2] or ""):
        table = _inside(table, name)
    return nearest(found[1], _fields(table))


def _inside(table: inspect.Type, name: str) -> inspect.Type:
    """The type of a field of it, by its name, or without one of what it holds by key or in a row."""
    if isinstance(table, inspect.StructType):
        found = next(field.type for field in table.fields if field.encode_name == name)
    else:
        found = getattr(table, "value_type", getattr(table, "item_type", table))
    several = found.types if isinstance(found, inspect.UnionType) else (found,)
    return next((one for one in several if isinstance(one, inspect.StructType)), found)


def _fields(table: inspect.Type) -> list[str]:
    return [field.encode_name for field in table.fields] if isinstance(table, inspect.StructType) else []


def _told(name: str, there: Sequence[str]) -> str:
    if len(there) <= MANY:
        return ", ".join(there)
    nearest = difflib.get_close_matches(name, there, MANY, cutoff=0.0)
    return f"{', '.join(nearest)} and {len(there) - MANY} more"
