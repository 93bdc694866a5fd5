"""The file: bounded, shared by processes, and replaced when it is damaged."""

import itertools
import sqlite3
from pathlib import Path

import pytest

from nnparity.store import database, location
from nnparity.store.database import DamagedFile, Database

KIB = 1024


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a day later, so that every use counts."""
    days = itertools.count(10**9, 86400)
    monkeypatch.setattr(database.time, "time", lambda: next(days))


def key(number: int) -> bytes:
    return number.to_bytes(20, "big")


def test_it_stays_within_its_bound_and_the_least_recently_used_go_first(tmp_path: Path, clock: None) -> None:
    path, bound = tmp_path / "a.sqlite", 1024 * KIB
    store = Database(path, bound)
    for number in range(200):
        store.put({key(number): bytes(20 * KIB)})
        assert store.size <= bound
    left = store.keys()
    assert left == [key(number) for number in range(200 - len(left), 200)]
    assert len(left) * 20 * KIB > 0.8 * bound
    first = left[0]
    assert store.get(first) is not None
    store.close()

    store = Database(path, bound)
    assert store.keys()[-1] == first, "what was used last goes last"
    for number in range(200, 200 + len(left) - 1):
        store.put({key(number): bytes(20 * KIB)})
    assert store.get(first) is not None
    store.close()
    assert sum(part.stat().st_size for part in tmp_path.iterdir()) <= 1.1 * bound


def test_little_is_given_back_at_once_as_others_wait_for_it(tmp_path: Path) -> None:
    bound, size = 2048 * KIB, 16 * KIB
    store, counts = Database(tmp_path / "a.sqlite", bound), [0]
    for number in range(150):
        store.put({key(number): bytes(size)})
        counts.append(len(store.keys()))
    lost = max(before + 1 - after for before, after in itertools.pairwise(counts))
    assert 0 < lost * size <= 0.03 * bound


def test_to_make_room_looks_at_the_oldest_only(tmp_path: Path) -> None:
    store = Database(tmp_path / "a.sqlite")
    plan = store._connection.execute("EXPLAIN QUERY PLAN SELECT size, id FROM entries ORDER BY used, id").fetchall()
    assert "USING INDEX entries_by_use" in plan[0][3]


def test_an_entry_that_would_fill_it_by_itself_is_not_kept(tmp_path: Path) -> None:
    store = Database(tmp_path / "a.sqlite", 1024 * KIB)
    store.put({key(1): bytes(512 * KIB)})
    assert store.get(key(1)) is None


def test_a_use_is_not_noted_each_time(tmp_path: Path) -> None:
    store = Database(tmp_path / "a.sqlite")
    store.put({key(1): b"body"})
    store.get(key(1))
    assert not store._used, "a run that only reads does not write"


def test_two_that_have_it_open_see_each_others_entries(tmp_path: Path) -> None:
    one, other = (Database(tmp_path / "a.sqlite") for _ in range(2))
    one.put({key(1): b"one"})
    other.put({key(2): b"other"})
    other.put({key(1): b"again"})
    assert (one.get(key(1)), one.get(key(2)), len(one.keys())) == (b"again", b"other", 2)


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (text)")


def newer(path: Path) -> None:
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("spoil", [foreign, newer, lambda path: path.write_text("letters" * 1000)])
def test_a_file_that_is_no_store_of_this_format_is_left_as_it_is(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "a.sqlite"
    spoil(path)  # type: ignore[operator]
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(DamagedFile):
            Database(path, create=create)
    assert path.read_bytes() == before


def test_a_file_that_is_set_aside_is_never_used_again(tmp_path: Path) -> None:
    paths = []
    for _ in range(3):
        paths.append(location.file(tmp_path))
        Database(paths[-1]).close()
        location.set_aside(paths[-1])
    assert len(set(paths)) == 3
    assert [path.exists() for path in paths] == [False, False, True], "the last is left for whoever looks"
    location.remove_set_aside(tmp_path)
    assert not paths[-1].exists()
    assert location.file(tmp_path) not in paths


@pytest.mark.parametrize(
    ("value", "folder"), [("off", None), ("/some/where", Path("/some/where")), ("./off", Path("./off"))]
)
def test_the_environment_says_where(value: str, folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNPARITY_STORE", value)
    assert location.folder() == folder


def test_else_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NNPARITY_STORE")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert location.folder() == tmp_path / "nnparity"


def test_the_bound_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert location.bound() == location.BOUND
    monkeypatch.setenv("NNPARITY_STORE_MIB", "64")
    assert location.bound() == 64 * 2**20
    monkeypatch.setenv("NNPARITY_STORE_MIB", "much")
    with pytest.raises(location.StoreError, match="NNPARITY_STORE_MIB is a number of MiB, not much"):
        location.bound()
