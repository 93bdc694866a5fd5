"""Tests of this repository leave the user's folder of compiled programs alone, and share one of their own."""

import os
from tempfile import TemporaryDirectory

import pytest

from nnparity.adapters.request import PROGRAMS

FOLDER = pytest.StashKey[TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Not where a backend is named: that is a conformance run, the user's own. Processes of xdist inherit the folder."""
    if not config.option.backend and PROGRAMS not in os.environ:
        config.stash[FOLDER] = TemporaryDirectory(prefix="nnparity-tests-")
        os.environ[PROGRAMS] = config.stash[FOLDER].name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Deletes it."""
    if FOLDER in config.stash:
        config.stash[FOLDER].cleanup()
        del os.environ[PROGRAMS]
