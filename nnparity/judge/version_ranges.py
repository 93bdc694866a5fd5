"""The versions of a record: up to which they were seen, and whether an installed one lies beyond."""

from packaging.specifiers import SpecifierSet
from packaging.version import Version

#: What ends a range.
ENDS = ("<", "<=", "==", "~=")


def ended(text: str) -> bool:
    """Whether a specifier has an upper end."""
    return any(one.operator in ENDS for one in SpecifierSet(text))


def within(versions: dict[str, str], ranges: dict[str, str]) -> bool:
    """Whether every package of the ranges is there in a version within its range."""
    return all(name in versions and versions[name] in SpecifierSet(text) for name, text in ranges.items())


def beyond(versions: dict[str, str], ranges: dict[str, str]) -> str | None:
    """Where an installed package is past the upper end, and all of them past the lower ones: up to where, and which."""
    lower = {
        name: ",".join(str(one) for one in SpecifierSet(text) if one.operator not in ENDS)
        for name, text in ranges.items()
    }
    if within(versions, ranges) or not within(versions, lower):
        return None
    name = next(name for name, text in ranges.items() if versions[name] not in SpecifierSet(text))
    return f"seen up to {_last(ranges[name])}; confirm for {_short(versions[name])}"


def _last(text: str) -> str:
    """The last minor version of a range: below 2.14 it is 2.13."""
    end = next(one for one in SpecifierSet(text) if one.operator in ENDS)
    if end.operator != "<":
        return end.version
    release = list(Version(end.version).release)
    while len(release) > 1 and not release[-1]:
        release.pop()
    release[-1] -= 1
    return ".".join(map(str, release))


def _short(version: str) -> str:
    return ".".join(map(str, Version(version).release[:2]))
