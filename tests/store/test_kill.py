"""kill -9 while the store is written to, and several processes that write at once: nothing wrong is ever read."""

import itertools
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.store import location, memory
from nnparity.store.database import Database
from nnparity.store.encoding import encode
from nnparity.store.memory import COMPUTED, KEPT, Form, Memory

MIB = 2**20
FORM = Form("numbers", lambda found: found, lambda kept: kept)
ENTRIES = 400
KILLS = 20
#: A server that has imported everything; its children start at once, and have no thread or lock of this process.
SERVER = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def preloaded() -> None:
    SERVER.set_forkserver_preload([__name__])


def key(number: int) -> bytes:
    return number.to_bytes(20, "little")


def result(number: int) -> Any:
    """From a few bytes to some pages."""
    return [np.full(number % 97 * 20, float(number)), number]


def write(folder: Path, numbers: Iterable[int], bound: int) -> None:
    """Asks for all of them, each of which is written at once."""
    memory.WAITING = 0
    store = Memory(folder, bound)
    for number in numbers:
        store.recall(key(number), FORM, lambda number=number: result(number))  # type: ignore[misc]
    store.close()


def write_for_ever(folder: Path, numbers: Iterable[int], bound: int, begun: Event) -> None:
    """Writes entries, in the place of others once all are there, and none is closed."""
    database = Database(location.file(folder), bound)
    for number in itertools.cycle(numbers):
        database.put({key(number): encode(key(number), result(number))})
        begun.set()


def read(folder: Path) -> Counter[str]:
    """How each was come by; each must be right, and nothing wrong with the store."""
    store = Memory(folder, 64 * MIB)
    for number in range(ENTRIES):
        numbers, name = store.recall(key(number), FORM, lambda number=number: result(number))  # type: ignore[misc]
        assert (numbers.tobytes(), name) == (result(number)[0].tobytes(), number)
    store.close()
    assert not store.tally.troubles
    return store.tally.results["numbers"]


def started(write: Callable[..., None], *arguments: Any) -> BaseProcess:
    process = SERVER.Process(target=write, args=arguments)
    process.start()
    return process


def test_killed_twenty_times_while_it_writes(tmp_path: Path) -> None:
    chance, kept = random.Random(0), []
    for turn in range(KILLS):
        folder = tmp_path / str(turn % 10)  # a new store, and one that was killed before
        folder.mkdir(exist_ok=True)
        order, begun = chance.sample(range(ENTRIES), ENTRIES), SERVER.Event()
        process = started(write_for_ever, folder, order, MIB if turn % 2 else 64 * MIB, begun)
        assert begun.wait(60)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.join()
        assert process.exitcode == -9, "it was killed, and not done"
        found = read(folder)
        assert set(found) <= {KEPT, COMPUTED}
        kept.append(found[KEPT])
        assert read(folder)[KEPT] == ENTRIES, "and it goes on"
    assert any(0 < count < ENTRIES for count in kept), "some were killed in the middle"


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.005, 0.01, 0.02])
def test_killed_while_it_is_made(tmp_path: Path, pause: float) -> None:
    process = started(write, tmp_path, range(ENTRIES), 64 * MIB)
    while process.is_alive() and not any(tmp_path.iterdir()):
        pass
    time.sleep(pause)
    process.kill()
    process.join()
    read(tmp_path)
    assert read(tmp_path) == {KEPT: ENTRIES}


def test_several_that_write_at_once(tmp_path: Path) -> None:
    orders = [random.Random(place).sample(range(ENTRIES), ENTRIES) for place in range(4)]
    processes = [started(write, tmp_path, order, 64 * MIB) for order in orders]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert read(tmp_path) == {KEPT: ENTRIES}


def test_several_that_make_room_at_once(tmp_path: Path) -> None:
    orders = [random.Random(place).sample(range(ENTRIES), ENTRIES) for place in range(2)]
    processes = [started(write, tmp_path, order * 3, MIB) for order in orders]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = read(tmp_path)
    assert found[KEPT] > 0
    assert found[COMPUTED] > 0
