"""What a process asks of the store: whatever is wrong with it, the result is right, and what was wrong is said once."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.store import location, memory
from nnparity.store.database import DamagedFile, Database
from nnparity.store.encoding import encode
from nnparity.store.memory import AGAIN, ATTEMPTS, COMPUTED, KEPT, Form, Memory

MIB = 2**20
FORM = Form("numbers", lambda found: found, lambda kept: kept)
KEYS = [bytes([number]) * 20 for number in range(8)]


def result(key: bytes) -> Any:
    return [np.arange(key[0], 30.0), f"of {key[0]}"]


def same(one: Any, other: Any) -> bool:
    return bool(one[0].tobytes() == other[0].tobytes() and one[1] == other[1])


def asked(store: Memory, keys: list[bytes] = KEYS) -> Counter[str]:
    """Asks for all of them, each of which must be right; how they were come by."""
    for key in keys:
        assert same(store.recall(key, FORM, lambda key=key: result(key)), result(key))  # type: ignore[misc]
    return store.take().results["numbers"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Memory]:
    """One that holds all KEYS."""
    made = Memory(tmp_path, MIB)
    assert asked(made) == {COMPUTED: 8}
    yield made
    made.close()


def again(store: Memory) -> Memory:
    store.close()
    return Memory(store._folder, MIB)


def spoil(store: Memory, change: str, *values: Any) -> None:
    database = store._database
    assert database is not None
    database._connection.execute(change, values)


def test_what_was_computed_is_kept_for_the_next_process(store: Memory) -> None:
    assert asked(store) == {KEPT: 8}
    assert asked(again(store)) == {KEPT: 8}


def test_what_waits_to_be_written_is_found_and_written_with_what_was_counted(tmp_path: Path) -> None:
    one, other = Memory(tmp_path, MIB), Memory(tmp_path, MIB)
    for how in (COMPUTED, KEPT):
        one.recall(KEYS[0], FORM, lambda: result(KEYS[0]))
        assert how in one.tally.results["numbers"]
    assert other._database is not None
    assert not other._database.keys()
    one.take()
    assert asked(other, KEYS[:1]) == {KEPT: 1}
    one.close(), other.close()


def test_no_more_waits_than_may_be_lost(tmp_path: Path) -> None:
    store = Memory(tmp_path, 1 << 30)
    for key in KEYS[:3]:
        store.recall(key, FORM, lambda: np.zeros(memory.WAITING // 4))
    assert store._database is not None
    assert len(store._database.keys()) == 3
    store.close()


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("UPDATE bodies SET body = ? WHERE id = 3", b""),
        ("UPDATE bodies SET body = ? WHERE id = 3", b"short"),
        ("UPDATE bodies SET body = ? WHERE id = 3", "text"),
        ("UPDATE bodies SET body = ? WHERE id = 3", 3),
        ("UPDATE bodies SET body = ? WHERE id = 3", encode(KEYS[1], result(KEYS[1]))),
        ("UPDATE bodies SET body = substr(body, 1, length(body) - ?) WHERE id = 3", 1),
    ],
)
def test_a_damaged_entry_is_computed_again_and_replaced_and_counted(store: Memory, change: str, value: Any) -> None:
    spoil(store, change, value)
    assert asked(store) == {KEPT: 7, AGAIN: 1}
    assert asked(store) == {KEPT: 8}
    assert not store.tally.troubles


@pytest.mark.parametrize("load", [lambda kept: kept["name"], int, lambda kept: dict(*kept)])
def test_an_entry_of_another_shape_is_computed_again(store: Memory, load: Callable[[Any], Any]) -> None:
    assert store.recall(KEYS[0], Form("numbers", lambda _: None, load), lambda: 7) == 7
    assert store.take().results == {"numbers": {AGAIN: 1}}


def test_an_entry_whose_body_is_gone_is_computed(store: Memory) -> None:
    spoil(store, "DELETE FROM bodies WHERE id = 3")
    assert asked(store) == {KEPT: 7, COMPUTED: 1}
    assert asked(store) == {KEPT: 8}


def test_a_byte_flipped_anywhere_in_the_file_changes_no_result(tmp_path: Path) -> None:
    made = Memory(tmp_path / "made", MIB)
    asked(made, KEYS[:2])
    made.close()
    (path,) = (tmp_path / "made").glob("*.sqlite")
    whole, ways = path.read_bytes(), Counter[str]()
    folder = tmp_path / "flipped"
    folder.mkdir()
    for place in range(0, len(whole), 97):
        for old in folder.iterdir():
            old.unlink()
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        (folder / path.name).write_bytes(flipped)
        store = Memory(folder, MIB)
        ways += asked(store, KEYS[:2])
        store.close()
    assert ways[KEPT] > 0, "most bytes of the file belong to no entry"
    assert ways[AGAIN] + ways[COMPUTED] > 0


@pytest.mark.parametrize("kept_bytes", [0, 1, 1000, 4096, 9000])
def test_a_truncated_file_changes_no_result(store: Memory, kept_bytes: int) -> None:
    store.close()
    os.truncate(location.file(store._folder), kept_bytes)
    store = Memory(store._folder, MIB)
    asked(store)
    assert asked(store) == {KEPT: 8}


def test_a_file_that_is_damaged_is_set_aside_and_said(store: Memory) -> None:
    store.close()
    location.file(store._folder).write_bytes(b"letters " * 1000)
    store = Memory(store._folder, MIB)
    (trouble,) = store.tally.troubles
    assert "file is not a database" in trouble
    assert trouble.endswith("it is set aside, and a new one begun")
    assert asked(store) == {COMPUTED: 8}
    store = again(store)
    assert asked(store) == {KEPT: 8}
    assert not store.tally.troubles, "said once"


def test_a_file_of_another_version_is_set_aside(store: Memory) -> None:
    spoil(store, "PRAGMA user_version = 99")
    store = again(store)
    assert asked(store) == {COMPUTED: 8}
    assert asked(again(store)) == {KEPT: 8}


def test_a_file_that_becomes_damaged_while_it_is_open_is_set_aside(store: Memory) -> None:
    spoil(store, "DROP TABLE bodies")
    assert asked(store) == {COMPUTED: 8}
    assert asked(store) == {KEPT: 8}


def test_one_that_is_damaged_again_and_again_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(self: Database, create: bool) -> None:
        raise DamagedFile("planted")

    monkeypatch.setattr(Database, "_begin", damaged)
    store = Memory(tmp_path, MIB)
    assert asked(store) == {COMPUTED: 8}
    assert len(list(tmp_path.glob("*.damaged"))) == ATTEMPTS


def test_a_folder_that_cannot_be_made_is_said_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = Memory(tmp_path / "file" / "store", MIB)
    assert [asked(store), asked(store)] == [{COMPUTED: 8}, {COMPUTED: 8}]


def test_a_folder_that_cannot_be_written_to_is_said_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refused)
    store = Memory(tmp_path, MIB)
    (trouble,) = store.tally.troubles
    assert "Permission denied" in trouble
    assert trouble.endswith("the run goes on without")
    assert asked(store) == {COMPUTED: 8}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said_and_the_run_goes_on(store: Memory) -> None:
    store.close()
    store._folder.chmod(0o500)
    other = Memory(store._folder, MIB)
    asked(other)
    store._folder.chmod(0o700)
    assert other.tally.troubles or asked(other) == {KEPT: 8}


FULL = "PRAGMA max_page_count = 1"  # SQLite takes what it has already
READ_ONLY = "PRAGMA query_only = ON"


@pytest.mark.parametrize(("limit", "said"), [(FULL, "disk is full"), (READ_ONLY, "readonly database")])
def test_what_the_disk_refuses_is_said_once_and_what_is_there_is_still_read(
    store: Memory, limit: str, said: str
) -> None:
    spoil(store, limit)
    more = [bytes([number]) * 21 for number in range(8)]
    big = Form("numbers", lambda found: [found, np.zeros(10000)], lambda kept: kept)
    for key in more:
        store.recall(key, big, lambda: 1)
    (trouble,) = store.take().troubles
    assert said in trouble
    assert asked(store) == {KEPT: 8}


def test_what_cannot_be_encoded_is_said_and_not_kept(store: Memory) -> None:
    odd = Form("odd", lambda found: object(), lambda kept: kept)
    assert store.recall(b"odd" * 7, odd, lambda: 7) == 7
    assert store.tally.troubles == {"odd: no entry can hold a object; it is not kept"}


def test_without_one_nothing_is_kept(tmp_path: Path) -> None:
    assert memory.used() is None
    memory.use(None)
    assert memory.used() is None
    assert not memory.taken().results


def test_one_that_is_used_is_closed_when_it_is_left(tmp_path: Path) -> None:
    memory.use(tmp_path)
    store = memory.used()
    assert store is not None
    asked(store)
    memory.leave()
    assert memory.used() is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".sqlite"], "no log is left"
