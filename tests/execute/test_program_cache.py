"""Where compiled programs are kept from run to run, that nobody who says so keeps any, that they stay few, and that
nothing else is deleted.
"""

import os
from collections import Counter
from io import StringIO
from pathlib import Path

import platformdirs
import pytest
from rich.console import Console

from nnparity.adapters.request import PROGRAMS
from nnparity.command_line.running.terminal_summary import show
from nnparity.execute import program_cache
from nnparity.execute.observer import Observer
from nnparity.execute.program_cache import OWN, kept, trim
from nnparity.reports import MergedRun
from nnparity.run.counts import TotalCounts


def written(folder: Path, *days: int) -> list[Path]:
    """Files of a hundred bytes, last used so many days after the epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"day-{day}" for day in days]
    for path, day in zip(paths, days, strict=True):
        path.write_bytes(bytes(100))
        os.utime(path, (day * 86400, 0))
    return paths


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    oldest, newest, middle = written(tmp_path / "jax", 1, 9, 5)
    trim(tmp_path, 250)
    assert [path.exists() for path in (oldest, middle, newest)] == [False, True, True]
    trim(tmp_path, 99)
    assert not newest.exists()


def test_what_another_user_has_written_stays_and_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, own = written(tmp_path / "jax", 1, 2, 3), Path.unlink

    def unlink(path: Path, **_: bool) -> None:
        if path == paths[0]:
            raise PermissionError(path)
        own(path)

    monkeypatch.setattr(Path, "unlink", unlink)
    trim(tmp_path, 150)
    assert [path.exists() for path in paths] == [True, False, True]


def test_what_is_written_counts_as_used(tmp_path: Path) -> None:
    """Where a file system does not note when files are read."""
    read, fresh = written(tmp_path, 9, 1)
    os.utime(fresh, (0, 20 * 86400))
    trim(tmp_path, 150)
    assert [read.exists(), fresh.exists()] == [False, True]


def test_the_folder_is_the_users_unless_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "users" / name)
    monkeypatch.delenv(PROGRAMS)
    assert kept() == str(tmp_path / "users/nnparity/programs")
    monkeypatch.setenv(PROGRAMS, str(tmp_path / "mine"))
    assert kept() == str(tmp_path / "mine" / OWN)
    assert (tmp_path / "mine" / OWN).is_dir()


def test_off_or_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for told in ("", "off"):
        monkeypatch.setenv(PROGRAMS, told)
        assert kept() == ""
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    monkeypatch.setenv(PROGRAMS, str(tmp_path / "file" / "below"))
    assert kept() == ""


def test_a_folder_is_cut_back_before_a_target_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = written(tmp_path / OWN / "jax", 1, 2)
    monkeypatch.setattr(program_cache, "LARGEST", 150)
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    Observer("numpy").close()
    assert [old.exists(), new.exists()] == [False, True]


def test_what_the_user_has_in_the_folder_named_is_never_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in folders that are called as a framework's are: somebody's checkout of JAX may lie there."""
    theirs = [path for name in ("", "papers", "jax", "inductor") for path in written(tmp_path / name, 1, 2)]
    monkeypatch.setattr(program_cache, "LARGEST", 0)
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    assert kept()
    assert [path.exists() for path in theirs] == [True] * 8


def test_links_in_the_folder_are_not_followed(tmp_path: Path) -> None:
    (theirs,) = written(tmp_path / "theirs", 1)
    own = tmp_path / "own"
    (program,) = written(own / "jax", 2)
    (own / "folder").symlink_to(theirs.parent)
    (own / "file").symlink_to(theirs)
    trim(own, 0)
    assert [theirs.exists(), (own / "file").is_symlink(), program.exists()] == [True, True, False]


def test_a_link_in_the_place_of_the_folder_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (theirs,) = written(tmp_path / "theirs", 1)
    (tmp_path / OWN).symlink_to(theirs.parent)
    monkeypatch.setattr(program_cache, "LARGEST", 0)
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    assert kept() == ""
    assert theirs.exists()


def test_the_tests_do_not_use_the_users_folder() -> None:
    assert kept() not in ("", str(platformdirs.user_cache_path("nnparity") / "programs"))


def test_why_nothing_is_kept_is_told_at_the_end_of_a_run_that_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*targets: str) -> list[str]:
        console = Console(file=StringIO(), width=500)
        show(TotalCounts(programs={one: Counter({"compiled": 1}) for one in targets}), MergedRun(), console)
        return [line for line in console.file.getvalue().splitlines() if line.startswith("programs: ")]  # type: ignore[attr-defined]

    monkeypatch.setenv(PROGRAMS, str(tmp_path / "there"))
    assert told("jax:cpu:compiled") == []
    (tmp_path / "file").touch()
    monkeypatch.setenv(PROGRAMS, str(tmp_path / "file"))
    (line,) = told("jax:cpu:compiled", "torch:cpu:compiled")
    assert str(tmp_path / "file") in line
    assert line.endswith("; none is kept for the next run")
    assert told() == [], "nothing was compiled"
    monkeypatch.setenv(PROGRAMS, str(tmp_path / "there"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert told("jax:cpu:compiled") == [
        f"programs: {tmp_path / 'there' / OWN} cannot be written to; none is kept for the next run"
    ]
    assert kept() == ""
    monkeypatch.setenv(PROGRAMS, "off")
    assert told("jax:cpu:compiled") == []
