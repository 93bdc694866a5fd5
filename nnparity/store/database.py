"""Entries in one SQLite file: for several processes, safe under kill -9, and bounded; the least recently used go first.

Write-ahead logging lets processes read while one writes. It needs a local disk: SQLite shares memory between the
processes that use a file, which no network file system does. Where SQLite finds that it cannot have that, it goes on
with a rollback journal by itself, and so do we; where a network file system pretends, entries may be lost or damaged,
and checksums tell.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from nnparity.store.encoding import FORMAT
from nnparity.store.location import BOUND

#: When it is full, this part of it is given back at once, so that not every write has to make room. Others that write
#: wait for that, for no longer than PATIENCE: a tenth of 6 GiB that lay on the disk alone took 27 s, a hundredth 3 s.
SPARE = 0.01
#: The part of it that one entry may take.
LARGEST = 0.1
#: Seconds after which a use is noted anew: at once would make every run that reads a run that writes.
FRESH = 3600
#: Seconds to wait for another process that writes.
PATIENCE = 10.0
#: Tells a store from other SQLite files: the letters "nnps".
APPLICATION = 0x6E6E7073
#: What is small stands apart from the bodies: a use is noted without writing the entry again.
TABLES = (
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB UNIQUE, used INTEGER NOT NULL, size INTEGER NOT NULL)",
    "CREATE INDEX entries_by_use ON entries (used)",
    "CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN DELETE FROM bodies WHERE id = OLD.id; END",
)
#: What SQLite says of the machine it runs on. Anything else that it says, it says of the file.
CIRCUMSTANCES = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_AUTH,
)


class DamagedFile(Exception):
    """A file that is no store, or no longer one."""


@contextmanager
def telling_damage(path: Path) -> Iterator[None]:
    """Raises DamagedFile for what SQLite finds wrong with the file, OSError for what the machine does not do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or code & 0xFF in CIRCUMSTANCES:
            raise OSError(f"{path}: {error}") from error
        raise DamagedFile(f"{path}: {error}") from error
    except UnicodeDecodeError as error:  # what SQLite says of the file quotes it
        raise DamagedFile(f"{path}: {error.reason}") from error


class Database:
    """One file of entries. Any method raises OSError or DamagedFile, see `telling_damage`."""

    def __init__(self, path: Path, bound: int = BOUND, *, create: bool = True) -> None:
        """Opens it; where it is not there it is made, unless `create` says no, when it is not written to either."""
        self.path, self.bound = path, bound
        self._used: set[int] = set()
        address = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'ro'}"
        with telling_damage(path):
            self._connection = sqlite3.connect(address, PATIENCE, 0, None, check_same_thread=False, uri=True)
            try:
                self._begin(create)
            except BaseException:
                self._connection.close()
                raise

    def _begin(self, create: bool) -> None:
        if create and not self._number("application_id"):
            self._create()
        if (self._number("application_id"), self._number("user_version")) != (APPLICATION, FORMAT):
            raise DamagedFile(f"{self.path} is no store of format {FORMAT}")
        if create:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def _create(self) -> None:
        with self._transaction():
            if self._connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                return  # another process was faster, or it is somebody else's database
            for statement in (*TABLES, f"PRAGMA user_version = {FORMAT}", f"PRAGMA application_id = {APPLICATION}"):
                self._connection.execute(statement)

    def get(self, key: bytes) -> object:
        """The entry of that key as it lies there, or None."""
        with telling_damage(self.path):
            asked = "SELECT id, used, body FROM entries JOIN bodies USING (id) WHERE key = ?"
            found = self._connection.execute(asked, (key,)).fetchone()
        if found is None:
            return None
        id, used, body = found
        if not isinstance(used, int) or abs(time.time() - used) > FRESH:
            self._used.add(id)
        return body

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        """Keeps entries in the place of any others of their keys, all or none; one too large is not kept.

        Too large is what would fill the store by itself.
        """
        now = int(time.time())
        with telling_damage(self.path), self._transaction():
            for key, body in entries.items():
                if len(body) > LARGEST * self.bound:
                    continue
                self._connection.execute("DELETE FROM entries WHERE key = ?", (key,))
                row = (key, now, len(body))
                place = self._connection.execute("INSERT INTO entries VALUES (NULL, ?, ?, ?)", row).lastrowid
                self._connection.execute("INSERT INTO bodies VALUES (?, ?)", (place, body))
            if self._size() > self.bound:
                self._make_room()

    def _make_room(self) -> None:
        wanted = self._size() - (1 - SPARE) * self.bound
        oldest = []
        with closing(self._connection.execute("SELECT size, id FROM entries ORDER BY used, id")) as found:
            for size, id in found:
                oldest.append((id,))
                wanted -= size
                if wanted <= 0:
                    break
        self._connection.executemany("DELETE FROM entries WHERE id = ?", oldest)

    def keys(self) -> list[bytes]:
        """Those of all entries, the least recently used first."""
        with telling_damage(self.path):
            return [key for (key,) in self._connection.execute("SELECT key FROM entries ORDER BY used, id")]

    @property
    def size(self) -> int:
        """The bytes that entries and the tables around them take."""
        with telling_damage(self.path):
            return self._size()

    def _size(self) -> int:
        return (self._number("page_count") - self._number("freelist_count")) * self._number("page_size")

    def clear(self) -> None:
        """Removes all entries, and gives the disk back."""
        with telling_damage(self.path):
            self._connection.execute("DELETE FROM entries")
            self._connection.execute("VACUUM")

    def copy_to(self, path: Path) -> None:
        """Writes all entries into one new file."""
        with telling_damage(path):
            self._connection.execute("VACUUM INTO ?", (str(path),))

    def close(self) -> None:
        """Notes what was used, and closes the file."""
        with telling_damage(self.path), closing(self._connection):
            if self._used:
                with self._transaction():
                    rows = [(int(time.time()), id) for id in self._used]
                    self._connection.executemany("UPDATE entries SET used = ? WHERE id = ?", rows)

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
