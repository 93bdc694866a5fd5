"""Where a record applies: the versions up to which it was seen, and the instructions that the processor has or lacks.

A framework has several kernels for one operation, and takes one by what the processor can do: PyTorch's convolution of
bfloat16 is oneDNN's where there is AVX-512, and its own elsewhere. Instructions are called as in Linux's /proc/cpuinfo.
"""

import importlib.metadata
from collections.abc import Collection
from functools import cache

from archspec.cpu import TARGETS
from archspec.cpu.detect import detected_info
from packaging.specifiers import SpecifierSet
from packaging.version import Version

#: What begins the names of instructions that work on several numbers at once: they decide which kernel is taken.
VECTOR = ("amx", "asimd", "avx", "f16c", "fma", "sve")
#: What says in a record that the processor lacks an instruction.
LACKS = "!"

#: What ends a range.
ENDS = ("<", "<=", "==", "~=")


def ended(text: str) -> bool:
    """Whether a specifier has an upper end."""
    return any(one.operator in ENDS for one in SpecifierSet(text))


def within(versions: dict[str, str], ranges: dict[str, str]) -> bool:
    """Whether every package of the ranges is there in a version within its range."""
    return all(name in versions and _fits(versions[name], text) for name, text in ranges.items())


def _fits(version: str, text: str) -> bool:
    """Whether a version is in a range. One before a release, as rc or nightly, may be: `packaging` 24 leaves it out."""
    return SpecifierSet(text).contains(version, prereleases=True)


@cache
def installed(packages: tuple[str, ...]) -> dict[str, str]:
    """Of these packages, those that are installed here, with their versions."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def beyond(versions: dict[str, str], ranges: dict[str, str]) -> str | None:
    """Where an installed package is past the upper end, and all of them past the lower ones: up to where, and which."""
    lower = {
        name: ",".join(str(one) for one in SpecifierSet(text) if one.operator not in ENDS)
        for name, text in ranges.items()
    }
    if within(versions, ranges) or not within(versions, lower):
        return None
    name = next(name for name, text in ranges.items() if not _fits(versions[name], text))
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


@cache
def instructions() -> tuple[str, ...]:
    """The vector instructions of this processor, sorted: `avx2`, `avx512f`, `amx_tile`."""
    return tuple(sorted(filter(_vector, detected_info().features)))


def runs_on(present: Collection[str], wanted: Collection[str]) -> bool:
    """Whether a processor that has `present` has what is wanted, and lacks what begins with "!"."""
    return all((one.removeprefix(LACKS) in present) != one.startswith(LACKS) for one in wanted)


def unknown(wanted: Collection[str]) -> str | None:
    """One of what is wanted that no processor has, or None."""
    return next((one for one in wanted if one.removeprefix(LACKS) not in _of_any()), None)


@cache
def _of_any() -> set[str]:
    """The vector instructions of all processors; put together once, and only for records that name some."""
    return {one for target in TARGETS.values() for one in target.features if _vector(one)}


def _vector(instruction: str) -> bool:
    return instruction.startswith(VECTOR)
