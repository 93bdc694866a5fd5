"""What this process asks of the store, and how that went. Without `use` there is none, and all is computed.

Nothing here raises for what is wrong with the store. An entry that is damaged is computed again and replaced; a file
that is damaged is set aside and a new one begun; what the disk refuses is told once, and the run goes on without.
"""

import atexit
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nnparity.store import location
from nnparity.store.database import DamagedFile, Database
from nnparity.store.encoding import DamagedEntry, Unencodable, decode, encode
from nnparity.store.location import StoreError

Result = TypeVar("Result")
#: Files that one process sets aside, before it goes on without.
ATTEMPTS = 3
#: Bytes that wait to be written together: a transaction for each entry took as long as judging it. Who kills the
#: process loses what waits, and nothing else.
WAITING = 1 << 20

#: How a result was come by.
KEPT, COMPUTED, AGAIN = "from the store", "computed", "damaged and computed again"


@dataclass
class Tally:
    """Kind of result -> how it was come by -> how often; and what went wrong with the store, in words."""

    results: dict[str, Counter[str]] = field(default_factory=dict)
    troubles: set[str] = field(default_factory=set)

    def count(self, kind: str, how: str, results: int = 1) -> None:
        """So many more."""
        self.results.setdefault(kind, Counter())[how] += results

    def join(self, other: "Tally") -> None:
        """Adds what another process counted."""
        for kind, counted in other.results.items():
            self.results.setdefault(kind, Counter()).update(counted)
        self.troubles |= other.troubles


def store_lines(kept: Mapping[str, Mapping[str, int]], troubles: Iterable[str]) -> Iterator[str]:
    """How many results of each kind came from the store, and what was wrong with it."""
    for kind, counted in sorted(kept.items()):
        yield f"{kind}: " + ", ".join(f"{counted[how]:,} {how}" for how in (KEPT, COMPUTED, AGAIN) if counted.get(how))
    yield from (f"store: {trouble}" for trouble in sorted(troubles))


@dataclass(frozen=True)
class Form:
    """How a kind of result, never None, becomes plain values, and comes back.

    `load` raises whatever it likes on others.
    """

    kind: str
    plain: Callable[[Any], Any]
    load: Callable[[Any], Any]


class Memory:
    """The store in one folder, as one process sees it."""

    def __init__(self, folder: Path, bound: int) -> None:
        self.tally = Tally()
        self._folder, self._bound = folder, bound
        self._database: Database | None = None
        self._writes = True
        self._attempts = 0
        self._waiting: dict[bytes, bytes] = {}
        self._bytes = 0
        #: The keys of entries that were asked for and are damaged.
        self._damaged: set[bytes] = set()
        self._open()

    def recall(self, key: bytes, form: Form, compute: Callable[[], Result]) -> Result:
        """The result of that key: the one that is kept, or the one that is computed and kept from now on."""
        found: Result | None = self.found(key, form)
        if found is not None:
            self.count(form, KEPT)
            return found
        result = compute()
        self.count(form, self.keep(key, form, result))
        return result

    def found(self, key: bytes, form: Form) -> Any:
        """The result that is kept of that key, or None: there is none, or it is damaged. Nothing is counted."""
        entry = self._waiting.get(key) or self._tried(lambda database: database.get(key))
        if entry is None:
            return None
        try:
            result = form.load(decode(key, entry))
        except (DamagedEntry, TypeError, ValueError, LookupError):
            self._damaged.add(key)
            return None
        self._damaged.discard(key)
        return result

    def keep(self, key: bytes, form: Form, result: Any) -> str:
        """Keeps what was computed, in the place of what there is of that key; how it was come by."""
        how = AGAIN if key in self._damaged else COMPUTED
        self._damaged.discard(key)
        if self._writes:
            self._keep(key, form, result)
        return how

    def count(self, form: Form, how: str, results: int = 1) -> None:
        """So many results were come by like that."""
        self.tally.count(form.kind, how, results)

    def _keep(self, key: bytes, form: Form, result: Any) -> None:
        try:
            body = encode(key, form.plain(result))
        except (Unencodable, OverflowError) as error:
            self.tally.troubles.add(f"{form.kind}: {error}; it is not kept")
        else:
            self._waiting[key] = body
            self._bytes += len(body)
            if self._bytes > WAITING:
                self._write()

    def _write(self) -> None:
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        if waiting:
            self._tried(lambda database: database.put(waiting), writes=True)

    def take(self) -> Tally:
        """What was counted since this was last asked; what waits is written first."""
        self._write()
        taken, self.tally = self.tally, Tally()
        return taken

    def close(self) -> None:
        """Writes what waits, and closes the file; the tally stays."""
        self._write()
        self._tried(lambda database: database.close(), writes=True)
        self._database = None

    def _open(self) -> None:
        """The file of the folder, or the next one when it is damaged."""
        while self._database is None and self._attempts < ATTEMPTS:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = location.file(self._folder)
                self._database = Database(path, self._bound)
            except OSError as error:
                return self._tell(error)
            except DamagedFile as error:
                self._set_aside(path, error)
        return None

    def _tried(self, ask: Callable[[Database], Any], *, writes: bool = False) -> Any:
        if self._database is None:
            return None
        try:
            return ask(self._database)
        except OSError as error:
            self._tell(error)
            self._writes = False
            if not writes:
                self._database = None
        except DamagedFile as error:
            path, self._database = self._database.path, None
            self._set_aside(path, error)
            self._open()
        return None

    def _set_aside(self, path: Path, error: DamagedFile) -> None:
        self._attempts += 1
        self.tally.troubles.add(f"{error}; it is set aside, and a new one begun")
        try:
            location.set_aside(path)
        except OSError as trouble:
            self._attempts = ATTEMPTS
            self._tell(trouble)

    def _tell(self, error: OSError) -> None:
        self.tally.troubles.add(f"{error}; the run goes on without")


#: The store of this process, where it has one.
_own: list[Memory] = []


def use(folder: Path | None) -> None:
    """From now on results are kept in that folder; with None they are not. Raises StoreError, see `location.bound`."""
    leave()
    if folder is not None:
        _own.append(Memory(folder, location.bound()))


@contextmanager
def using(folder: Path | None) -> Iterator[Tally]:
    """For a while results are kept in that folder; the tally is what was counted, once that has ended.

    A store that is in use stays so, and counts for whoever began to use it; one that cannot be had is not used.
    """
    counted = Tally()
    if folder is None or _own:
        yield counted
        return
    try:
        with suppress(StoreError):  # who asked for a store was told before
            use(folder)
        yield counted
    finally:
        store = used()
        leave()
        if store:
            counted.join(store.tally)


def leave() -> None:
    """From now on nothing is kept, nor found."""
    while _own:
        _own.pop().close()


def used() -> Memory | None:
    """The store of this process."""
    return _own[0] if _own else None


def taken() -> Tally:
    """What this process counted since this was last asked."""
    return _own[0].take() if _own else Tally()


def join(tally: Tally) -> None:
    """Adds what another process counted, for this one to tell."""
    if _own:
        _own[0].tally.join(tally)


atexit.register(leave)  # of a job's process nobody tells the end
