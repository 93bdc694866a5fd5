"""The release of a package in which a verdict changed: the script of one cell, run with one version after the other.

Each version is put by pip into a folder of its own, without its dependencies: those are of this environment. So a
version may not work here at all; it is passed over, and told. With its dependencies a version is larger, gigabytes
where they are libraries for a GPU, and so it goes again once it was asked.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from nnparity.spec.usage import UsageError

AGREES, DISAGREES, RAISES, SILENT = "agrees", "disagrees", "raises", "cannot be run"
#: How a line of the script begins -> what is told: who has no such function is not wrong about numbers.
SAID = {"disagrees: raises": RAISES, "disagrees": DISAGREES, "agrees": AGREES}
LISTED = re.compile(r"^Available versions: (.*)$", re.MULTILINE)


@dataclass
class Bisection:
    """What became of each version that was tried."""

    told: dict[str, str] = field(default_factory=dict)
    #: The last version before the change and the first behind it; None where both ends are alike.
    between: tuple[str, str] | None = None


def bisect(versions: Sequence[str], tell: Callable[[str], str]) -> Bisection:
    """Between which two versions it changed, as `tell` says of each. Raises UsageError where an end cannot be run."""
    found = Bisection()

    def asked(version: str) -> str:
        if version not in found.told:
            found.told[version] = tell(version)
        return found.told[version]

    low, high = 0, len(versions) - 1
    for end in (low, high):
        if _silent(asked(versions[end])):
            raise UsageError(f"an end of what is to be searched, {versions[end]}, {asked(versions[end])}")
    if asked(versions[low]) == asked(versions[high]):
        return found
    while (middle := _runnable(versions, low, high, asked)) is not None:
        if asked(versions[middle]) == asked(versions[low]):
            low = middle
        else:
            high = middle
    found.between = versions[low], versions[high]
    return found


def _runnable(versions: Sequence[str], low: int, high: int, asked: Callable[[str], str]) -> int | None:
    """The version nearest to the middle, strictly inside, that can be run; None where there is none."""
    middle = (low + high) // 2
    inside = sorted(range(low + 1, high), key=lambda place: abs(place - middle))
    return next((place for place in inside if not _silent(asked(versions[place]))), None)


def _silent(told: str) -> bool:
    return told.startswith(SILENT)


def releases(package: str, span: str) -> list[str]:
    """The releases that the package index has, from the first to the last of ``2.4..2.13``. Raises UsageError."""
    first, mark, last = span.partition("..")
    try:
        ends = Version(first), Version(last)
    except InvalidVersion as error:
        raise UsageError(f"versions are told as 2.4..2.13, not {span!r}") from error
    if not mark or ends[0] >= ends[1]:
        raise UsageError(f"versions are told as 2.4..2.13, the earlier one first, not {span!r}")
    # 2.13.0+cpu is a build of 2.13.0, not a release: pip takes it for that one where it is to be had.
    public = {Version(Version(one).public) for one in _listed(package)}
    found = [one for one in public if not one.is_prerelease and _within(one, ends)]
    if len(found) < 2:
        raise UsageError(f"the package index has {', '.join(map(str, found)) or 'nothing'} of {package} in {span}")
    return [str(one) for one in sorted(found)]


def _within(version: Version, ends: tuple[Version, Version]) -> bool:
    """An end such as 2.13 is all of its releases."""
    last = ends[1].release
    return version >= ends[0] and (version <= ends[1] or version.release[: len(last)] == last)


def _listed(package: str) -> list[str]:
    done = _pip("index", "versions", package)
    told = LISTED.search(done.stdout)
    if told is None:
        raise UsageError(f"the package index tells no versions of {package}: {done.stderr.strip()[-300:]}")
    return told.group(1).split(", ")


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def teller(script: str, packages: Sequence[str], folder: Path, complete: bool = False) -> Callable[[str], str]:
    """Says of a version of these packages, which share it, what the script says; `complete` with their dependencies."""
    file = folder / "script.py"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(script, encoding="utf-8")

    @cache
    def tell(version: str) -> str:
        place = folder / f"{packages[0]}-{version}{'-complete' if complete else ''}"
        wanted = [f"{name}=={version}" for name in packages]
        if not place.is_dir() and (failed := _install(wanted, place, complete)):
            return f"{SILENT}: {failed}"
        told = _asked(file, place)
        if complete:
            shutil.rmtree(place)
        return told

    return tell


def _install(wanted: Sequence[str], place: Path, complete: bool) -> str:
    """Puts them there, and says why not; a folder of that name is whole."""
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    # Downloads of that size would fill pip's cache, and hardly one is asked for twice.
    how = ["--no-cache-dir"] if complete else ["--no-deps"]
    done = _pip("install", "-q", *how, "--target", str(part), *wanted)
    if done.returncode:
        shutil.rmtree(part, ignore_errors=True)
        return _last_words(done)
    part.rename(place)
    return ""


def _asked(file: Path, place: Path) -> str:
    """What the script says with the packages of that folder."""
    # Whatever PYTHONPATH holds comes before the packages of this environment.
    done = subprocess.run(
        [sys.executable, "-P", str(file)],
        env=os.environ | {"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr).splitlines()
    found = next((told for word, told in SAID.items() if any(line.startswith(word) for line in said)), None)
    return found or f"{SILENT}: {_last_words(done)}"


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stdout + done.stderr).strip().splitlines()
    return said[-1].strip() if said else f"it ended with {done.returncode}"


def shown(package: str, found: Bisection) -> Iterator[str]:
    """What was found, in words."""
    for version in sorted(found.told, key=Version):
        yield f"  {package} {version}: {found.told[version]}"
    if found.between is None:
        yield f"the same at both ends: it {next(iter(found.told.values()))}"
        return
    before, after = found.between
    yield f"changed in {package} {after}: it {found.told[after]}, and with {before} it {found.told[before]}"
