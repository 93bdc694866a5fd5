"""A folder of one's own to be in, with what the tests put there, and the command run in it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnparity.command_line import main as cli

Run = Callable[..., int | str | None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; the finders that stand before files in it go when the test is over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    return tmp_path


@pytest.fixture
def nnparity(folder: Path) -> Run:
    return lambda *arguments: cli.guarded(lambda: cli.application([str(one) for one in arguments]))
