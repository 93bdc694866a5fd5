"""Some dozens of spoilt files of each kind, and the faults of a reader that must be seen."""

import random
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports.chain import State
from nnparity.store import memory
from nnparity.tests.fuzzing import guard
from nnparity.tests.fuzzing.guard import Ended, command, tried
from nnparity.tests.fuzzing.run_files import RunFiles
from nnparity.tests.fuzzing.stores import Stores
from nnparity.tests.fuzzing.toml_files import PACK, Packs, Records, Specs

needs_a_pack = pytest.mark.skipif(not PACK.is_dir(), reason="this installation has no checkout beside it")
KINDS = [RunFiles, Specs, pytest.param(Packs, marks=needs_a_pack), Records, Stores]
FILES = 24


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_file_is_refused_or_read_as_it_says(kind: Any, tmp_path: Path) -> None:
    files = kind(tmp_path)
    for number in range(FILES):
        told, data = files.spoilt(random.Random(number))
        assert files.wrong(told, data) == [], f"{kind.name}, {number}: {told}"


def test_a_file_as_it_was_written_has_nothing_wrong(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    assert files.wrong("nothing", files.data) == []
    assert command("report", files.base, "--out", tmp_path / "out").status == 0


def test_a_reader_that_believes_what_was_edited_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RunFiles(tmp_path)
    edited = files.data.replace(b'"grade":"diverges"', b'"grade":"conforms"', 1)
    assert files.wrong("an edit", edited) == []
    monkeypatch.setattr(import_module("nnparity.reports.merge"), "state", lambda _: State(True, [], "cafe"))
    found = files.wrong("an edit", edited)
    assert "report: has a verdict that nobody wrote" in found
    assert "report: status 0, and says something else than what was written" in found
    assert "diff, as the new one: status 0 of a file that is damaged" in found


def test_a_report_that_hides_that_it_is_incomplete_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RunFiles(tmp_path)
    cut = b"".join(line + b"\n" for line in files.lines[:-4])
    assert files.wrong("its end removed", cut) == []
    monkeypatch.setattr("nnparity.command_line.files.told", lambda *_: False)
    assert any(one.startswith("report: status 0, 1 runs cut short") for one in files.wrong("its end removed", cut))


def test_a_store_that_believes_its_file_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = Stores(tmp_path)
    data = stores._changed([("UPDATE bodies SET body = (SELECT body FROM bodies WHERE id = 2)", ())])
    assert stores.wrong("all are the second", data) == []
    monkeypatch.setattr(memory, "decode", lambda _, entry: memory_of(entry))
    assert any("is another" in one for one in stores.wrong("all are the second", data))


def memory_of(entry: bytes) -> Any:
    """An entry read without its checksum."""
    from nnparity.store import encoding

    return encoding._decoded(entry)


def test_a_formula_that_cannot_be_drawn_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = Specs(tmp_path)
    none = re.sub(r"(?m)^datasets *=.*$", "datasets = []", specs.tables[0]).encode()
    assert specs.wrong("no dataset", none) == []
    monkeypatch.setattr("nnparity.spec.loader._faults", lambda _: ())
    monkeypatch.setattr("nnparity.tests.fuzzing.toml_files._asked", lambda one: iter([one.datasets[0]]))
    assert specs.wrong("no dataset", none)[0].startswith("raises IndexError")


def test_what_hangs_or_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs() -> Iterator[str]:
        while True:
            yield from ()

    monkeypatch.setattr(guard, "CPU", 0.1)
    assert tried(hangs)[0].startswith("hangs: SIGVTALRM")
    assert tried(lambda: iter([str(1 // 0)]))[0].startswith("raises ZeroDivisionError")


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (Ended(70, "", "Traceback (most recent call last):\nKeyError: 1"), "a traceback: KeyError: 1"),
        (Ended(2, "", ""), "status 2, and not a word"),
        (Ended(-9, "", ""), "status -9: "),
        (Ended(1, "\x1b[2J", ""), "'\\x1b' goes to the terminal"),
        (Ended(1, "", "x" * 30_000), "30000 characters on standard error"),
        (Ended(1, "a table", "incomplete"), None),
    ],
)
def test_what_a_command_must_not_do_is_told(ended: Ended, told: str | None) -> None:
    assert ended.wrong == told
