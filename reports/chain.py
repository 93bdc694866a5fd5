"""Lines of a run file chained by their digests, so that one that was edited, removed or doubled is found and named.

Each process that writes has a chain of its own: its lines say who wrote them, the how-manieth this is, and a digest of
the line and of the one before. The last line of a file says how long each chain is. This finds mistakes and careless
hands; who edits a line and works out all digests anew is found only by whoever noted the last one elsewhere.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from nnparity.reports.records import Seal, Verdict, decode, encode

LINK = re.compile(rb',"link":"([0-9a-f]+)\.([0-9]{1,15})\.([0-9a-f]+)"\}$')
#: The same at the ends of the lines of a whole file.
ENDS = re.compile(LINK.pattern.replace(b"$", rb"\r?$"), re.MULTILINE)


@dataclass
class Chain:
    """A writer's chain."""

    writer: str = field(default_factory=lambda: os.urandom(4).hex())
    length: int = 0
    last: str = ""

    def linked(self, line: bytes) -> bytes:
        """The line, newline included, with its link as one more field."""
        text = line.rstrip(b"\n")
        self.length += 1
        self.last = digest(self.writer, self.length, self.last, text)
        return text[:-1] + f',"link":"{self.writer}.{self.length}.{self.last}"}}\n'.encode()


def writer(line: bytes) -> str:
    """Who wrote a line; nobody, where it carries no link."""
    found = LINK.search(line)
    return found.group(1).decode() if found else ""


def digest(writer: str, place: int, before: str, text: bytes) -> str:
    """Of a line without its link."""
    head = f"{writer}.{place}.{before}.".encode()
    return hashlib.blake2b(head + text, digest_size=6).hexdigest()


class Link(NamedTuple):
    """A line as it lies in the file; `writer` is empty of one that carries no link."""

    row: int
    text: bytes
    writer: str = ""
    place: int = 0
    told: str = ""
    #: Whether no newline is behind it.
    cut: bool = False

    @property
    def name(self) -> str:
        """The line's number, and of a verdict what it is about."""
        try:
            line = decode(self.text)
        except msgspec.DecodeError:
            return f"line {self.row}"
        if not isinstance(line, Verdict):
            return f"line {self.row} ({type(line).__name__})"
        return f"line {self.row} (verdict of {line.case} {line.quantity} on {line.target})"


def rows(path: Path) -> list[bytes]:
    """The lines of a file without what ends them; behind the last one there is no newline.

    A carriage return before each newline is no part of a line: git and tools of Windows put it there.
    """
    return [text.removesuffix(b"\r") for text in path.read_bytes().split(b"\n")]


def links(path: Path) -> list[Link]:
    """All lines of a file."""
    texts = rows(path)
    return [_link(row, text, row == len(texts)) for row, text in enumerate(texts, start=1) if text.strip()]


def _link(row: int, text: bytes, cut: bool) -> Link:
    found = LINK.search(text)
    if found is None:
        return Link(row, text, cut=cut)
    writer, place, told = (part.decode() for part in found.groups())
    return Link(row, text[: found.start()] + b"}", writer, int(place), told, cut)


def sealed(path: Path) -> str:
    """Appends the last line, which says how long each chain is; its digest."""
    found = ENDS.finditer(path.read_bytes())
    ends = {writer.decode(): f"{int(place)}.{told.decode()}" for writer, place, told in (one.groups() for one in found)}
    chain = Chain()
    with path.open("ab") as file:
        file.write(chain.linked(encode(Seal(ends))))
    return chain.last


@dataclass(frozen=True)
class State:
    """What a file is by its links: whether it has any, what is wrong, and if it is sealed the digest of its end."""

    chained: bool
    faults: list[str]
    seal: str

    @property
    def open(self) -> bool:
        """Whether its end is missing: it was cut short, or is still written to."""
        return self.chained and not self.seal


def state(path: Path) -> State:
    """That of the file at `path`. A last line cut short by a kill is no fault of one that is not sealed yet."""
    found = links(path)
    chained, seals = any(one.writer for one in found), [one for one in found if _seal(one)]
    if not chained:
        return State(False, [], "")
    if not seals and not found[-1].writer and found[-1].cut:
        found.pop()
    faults = list(broken(found) if seals else changes(found))
    return State(True, faults, found[-1].told if found and _seal(found[-1]) else "")


def broken(found: list[Link]) -> Iterator[str]:
    """What is wrong with the lines of a sealed file, each named."""
    chains: dict[str, Link] = {}
    yield from changes(found, chains)
    yield from _ends(found, chains)


def changes(found: list[Link], chains: dict[str, Link] | None = None) -> Iterator[str]:
    """What is wrong with the lines of a file that is not sealed yet; `chains` is given the last line of each writer."""
    chains = {} if chains is None else chains
    for one in found:
        if not one.writer:
            yield f"{one.name} carries no link: it was put in, or its link was taken off"
        elif not _seal(one):
            yield from _follows(chains.get(one.writer), one)
            chains[one.writer] = one


def _seal(one: Link) -> bool:
    return one.text.startswith(b'{"kind":"seal"')


def _follows(before: Link | None, one: Link) -> Iterator[str]:
    """What is wrong with a line as the next of its chain."""
    place, told = (before.place, before.told) if before else (0, "")
    if one.place == place and before and one.text == before.text:
        yield f"{one.name} is there twice, first as line {before.row}"
    elif one.place <= place:
        yield f"{one.name} is number {one.place} of {one.writer}, and stands behind number {place}"
    elif one.place > place + 1:
        gap = one.place - place - 1
        behind = f"behind {before.name}" if before else "at the beginning"
        yield f"{gap} {'line is' if gap == 1 else 'lines are'} missing before {one.name}, {behind}"
    elif digest(one.writer, one.place, told, one.text) != one.told:
        yield f"{one.name} was edited"


def _ends(found: list[Link], chains: dict[str, Link]) -> Iterator[str]:
    """What the last line knows of the ends of the chains."""
    seals = [one for one in found if _seal(one)]
    if not seals:
        yield "the file has no last line that seals it: the run was cut short, or its end was removed"
        return
    for seal in seals:
        if digest(seal.writer, 1, "", seal.text) != seal.told:
            yield f"{seal.name} was edited"
            return
    ends = {writer: end for seal in seals for writer, end in _writers(seal).items()}
    for writer, end in ends.items():
        length = int(end.partition(".")[0])
        last = chains.get(writer)
        if last is None:
            yield f"all {length} lines of {writer} are missing"
        elif last.place < length:
            yield f"{length - last.place} lines of {writer} are missing behind {last.name}"
        elif end != f"{last.place}.{last.told}":
            yield f"{last.name} is not the last of {writer} that was sealed"
    known = {*ends, *(seal.writer for seal in seals)}
    added = sorted(chains.keys() - known)
    yield from (f"lines of {writer} were added after the file was sealed" for writer in added)
    if not added and not _seal(found[-1]):
        yield f"{found[-1].name} stands behind the line that sealed the file"


def _writers(seal: Link) -> dict[str, str]:
    """What it says; nothing where it is no record, which who reads the line tells."""
    try:
        line = decode(seal.text)
    except msgspec.DecodeError:
        return {}
    return line.writers if isinstance(line, Seal) else {}
