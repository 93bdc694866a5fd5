"""A store is looked at, emptied, written into one file and read back; a file that is none is refused."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from nnparity.store import location, transfer
from nnparity.store.database import Database
from nnparity.store.encoding import encode
from nnparity.store.location import StoreError

KEYS = [bytes([number]) * 20 for number in range(8)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with an entry for each of KEYS."""
    made = tmp_path / "store"
    made.mkdir()
    database = Database(location.file(made))
    for key in KEYS:
        database.put({key: encode(key, [key.hex()])})
    database.close()
    return made


def keys(folder: Path) -> set[bytes]:
    database = Database(location.file(folder))
    found = set(database.keys())
    database.close()
    return found


def test_what_is_exported_is_one_file_that_another_store_reads(folder: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "out" / "kept.sqlite", tmp_path / "other"
    assert transfer.write_to(folder, file) == 8
    assert [path.name for path in file.parent.iterdir()] == ["kept.sqlite"]
    assert str(transfer.read_from(other, file)) == "8 entries"
    assert keys(other) == set(KEYS)
    assert transfer.write_to(other, file) == 8, "in the place of the one before"


def test_an_import_adds_to_what_is_there(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    database = Database(location.file(other))
    for key in (KEYS[0], b"own" * 7):
        database.put({key: encode(key, "own")})
    database.close()
    transfer.write_to(folder, tmp_path / "file")
    transfer.read_from(other, tmp_path / "file")
    assert keys(other) == {*KEYS, b"own" * 7}


def test_damaged_entries_of_a_file_are_left_out_and_counted(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    transfer.write_to(folder, file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE bodies SET body = substr(body, 2) WHERE id = 3")
    found = transfer.read_from(tmp_path / "other", file)
    assert str(found) == "7 entries, 1 damaged ones left out"
    assert keys(tmp_path / "other") == set(KEYS) - {KEYS[2]}


def another(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (id)")


def newer(path: Path) -> None:
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_text("letters" * 1000), "file is not a database"),
        (lambda path: path.write_text(""), "is no store of format 1"),
        (lambda path: None, "unable to open database file"),
        (lambda path: path.mkdir(), "(unable to open database file|disk I/O error)"),
        (another, "is no store of format 1"),
        (newer, "is no store of format 1"),
    ],
)
def test_a_file_that_is_no_store_is_refused(folder: Path, make: Callable[[Path], None], told: str) -> None:
    file = folder.parent / "odd"
    make(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(StoreError, match=f"{file}.*{told}"):
        transfer.read_from(folder, file)
    assert keys(folder) == set(KEYS)
    assert (file.read_bytes() if file.is_file() else None) == before


def test_an_export_that_fails_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="file"):
        transfer.write_to(folder, tmp_path / "file" / "kept")
    (tmp_path / "there").mkdir()
    with pytest.raises(StoreError):
        transfer.write_to(folder, tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "store", "there"]


def test_what_is_cleared_is_gone_from_the_disk(folder: Path) -> None:
    database = Database(location.file(folder))
    database.put({b"large" * 4: bytes(2**20)})
    database.close()
    location.set_aside(folder / "expectations-1.7.sqlite")
    (folder / "expectations-1.7.sqlite").write_text("damaged")
    transfer.clear(folder)
    assert keys(folder) == set()
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2**16


def test_it_says_what_it_holds(folder: Path) -> None:
    told = transfer.info(folder)
    assert told["file"] == str(folder / "expectations-1.0.sqlite")
    assert told["entries"] == "8"
    assert told["size"] == "0.0 MiB of 6,144"
    location.set_aside(location.file(folder))
    assert transfer.info(folder)["set aside"] == "1 damaged"
