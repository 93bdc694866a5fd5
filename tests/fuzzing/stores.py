"""Stores spoilt in bytes, in tables and in entries whose checksums fit: what is read is right all the same."""

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np

from nnparity.store import encoding, location
from nnparity.store.memory import Form, Memory
from nnparity.tests.fuzzing.guard import command, tried
from nnparity.tests.fuzzing.mutations import VALUES, bytes_spoilt

ENTRIES, BOUND = 12, 1 << 22
FORM = Form("numbers", lambda found: found, lambda kept: [np.asarray(kept[0], np.float64), int(kept[1])])
#: What somebody may do to the tables.
STATEMENTS = (
    *("DELETE FROM bodies WHERE id = {id}", "DELETE FROM entries WHERE id = {id}", "DELETE FROM bodies", "VACUUM"),
    *("UPDATE bodies SET body = x''", "UPDATE bodies SET body = 'text' WHERE id = {id}", "UPDATE bodies SET body = 7"),
    *("UPDATE bodies SET body = (SELECT body FROM bodies WHERE id = {other}) WHERE id = {id}", "DROP TABLE bodies"),
    *("UPDATE bodies SET body = zeroblob(1000000) WHERE id = {id}", "UPDATE bodies SET body = substr(body, 1, {id})"),
    *(
        "UPDATE entries SET key = 'text' WHERE id = {id}",
        "UPDATE entries SET key = 7 WHERE id = {id}",
        "DROP TABLE entries",
    ),
    *("UPDATE entries SET key = NULL WHERE id = {id}", "UPDATE entries SET key = x'' WHERE id = {id}"),
    *("UPDATE entries SET used = 'never'", "UPDATE entries SET used = -1", "UPDATE entries SET used = x'00'"),
    *("UPDATE entries SET used = 9223372036854775807", "UPDATE entries SET used = 1e300 WHERE id = {id}"),
    *(
        "UPDATE entries SET size = 'x'",
        "UPDATE entries SET size = -9223372036854775808",
        "UPDATE entries SET size = 1e300",
    ),
    *("PRAGMA user_version = 2", "PRAGMA user_version = 0", "PRAGMA application_id = 1", "PRAGMA application_id = 0"),
    *("DROP INDEX entries_by_use", "DROP TRIGGER entries_deleted", "ALTER TABLE entries RENAME COLUMN used TO us"),
    *(
        "ALTER TABLE bodies RENAME TO elsewhere",
        "CREATE TRIGGER t BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'x'); END",
    ),
    *("CREATE TRIGGER u BEFORE UPDATE ON entries BEGIN SELECT RAISE(FAIL, 'no {id}'); END", "CREATE TABLE x (y)"),
    *("CREATE TRIGGER v BEFORE DELETE ON entries BEGIN SELECT RAISE(IGNORE); END", "PRAGMA journal_mode = DELETE"),
    *(
        "UPDATE entries SET id = id + 1000",
        "UPDATE bodies SET id = id + 1",
        "UPDATE bodies SET id = -id WHERE id = {id}",
    ),
)


def key(number: int) -> bytes:
    """That of an entry."""
    return number.to_bytes(20, "little")


def result(number: int) -> list[Any]:
    """What is right."""
    return [np.full((number, 3), float(number)), number]


class Stores:
    """Spoils one store in all ways, and reads it in all ways."""

    name = "store files"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "store"
        store = Memory(self.folder, BOUND)
        for number in range(ENTRIES):
            store.recall(key(number), FORM, lambda number=number: result(number))  # type: ignore[misc]
        store.close()
        self.data = location.file(self.folder).read_bytes()
        self.scratch = folder / "scratch.sqlite"

    def spoilt(self, chance: random.Random) -> tuple[str, bytes]:
        """What was done, and what came of it."""
        match chance.randrange(4):
            case 0:
                return bytes_spoilt(chance, self.data)
            case 1:  # where SQLite keeps what it knows of the file
                head = bytearray(self.data)
                place, byte = chance.randrange(100), chance.randrange(256)
                head[place] = byte
                return f"byte {place} is {byte}", bytes(head)
            case 2:
                statement = chance.choice(STATEMENTS).format(
                    id=chance.randint(1, ENTRIES), other=chance.randint(1, ENTRIES)
                )
                return statement, self._changed([(statement, ())])
        number = chance.randrange(ENTRIES)
        told, body = _forged(chance, number)
        return f"{told}, forged", self._changed([("UPDATE bodies SET body = ? WHERE id = ?", (body, number + 1))])

    def _changed(self, statements: list[tuple[str, tuple[Any, ...]]]) -> bytes:
        self.scratch.write_bytes(self.data)
        with closing(sqlite3.connect(self.scratch, isolation_level=None)) as connection, suppress(sqlite3.Error):
            connection.execute("PRAGMA journal_mode = DELETE")
            for statement, values in statements:
                connection.execute(statement, values)
        return self.scratch.read_bytes()

    def wrong(self, told: str, data: bytes) -> list[str]:
        """What must not be of what reads the store."""
        found: list[str] = []
        readers = [lambda: self._recalled(told), self._commands]
        for reader in readers:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            location.file(self.folder).write_bytes(data)
            found += tried(reader)
        return found

    def _recalled(self, told: str) -> Iterator[str]:
        """Twice: what was wrong the first time is computed again, and kept."""
        for _ in range(2):
            store = Memory(self.folder, BOUND)
            for number in range(ENTRIES):
                numbers, name = store.recall(key(number), FORM, lambda number=number: result(number))  # type: ignore[misc]
                same = (
                    numbers.shape == (number, 3) and numbers.tobytes() == result(number)[0].tobytes() and name == number
                )
                if not same and not told.endswith("forged"):
                    yield f"entry {number} is another: {numbers!r:.80}, {name}"
            store.close()

    def _commands(self) -> Iterator[str]:
        out = self.folder.with_name("exported.sqlite")
        path, other = location.file(self.folder), self.folder.with_name("other")
        shutil.rmtree(other, ignore_errors=True)
        places = ((self.folder, ("--info",)), (self.folder, ("--export", out)), (other, ("--import", path)))
        for folder, arguments in (*places, (self.folder, ("--clear",))):
            with patch.dict(os.environ, {location.VARIABLE: str(folder)}):
                ended = command("store", *arguments)
            if ended.wrong:
                yield f"store {arguments[0]}: {ended.wrong}"
        out.unlink(missing_ok=True)
        if left := [one.name for one in self.folder.parent.rglob("*.part")]:
            yield f"left behind: {', '.join(left)}"


def _forged(chance: random.Random, number: int) -> tuple[str, bytes]:
    """An entry that is none of ours, or none at all, with a checksum that fits."""
    if chance.random() < 0.3:
        other = chance.choice((*VALUES, [np.zeros(3, np.int8), number], [np.zeros((0, 3)), 1], {"x": np.zeros(2)}))
        with suppress(encoding.Unencodable, OverflowError):
            return f"{other!r:.40}", encoding.encode(key(number), other)
    body = encoding.encode(key(number), result(number))[encoding.CHECKSUM :]
    if chance.random() < 0.5:
        told, body = bytes_spoilt(chance, body)
    else:
        shape = chance.choice(((-1,), (2**40,), (2**63 - 1, 2**63 - 1), (), (3,), (0, 2**62), (1,) * 80))
        place, name = (
            chance.choice((0, -8, 2**40, 7, 2**62)),
            chance.choice(("<f8", "|O", "<U9", "V3", "x", "", "<M8[s]", "<f8,<f8")),
        )
        told, head = f"{name} {shape!r:.30} at {place}", msgspec.msgpack.encode((name, shape, place))
        head = msgspec.msgpack.encode([msgspec.msgpack.Ext(1, head), number])
        body = len(head).to_bytes(4, "little") + head + bytes(64)
    return told, encoding._checksum(key(number), body) + body
