"""The tests of this repository leave the user's caches alone: no store, and a folder of programs of their own.

What they plant in the reference must not be answered by what was kept before, nor kept for the user whose store it is.
Conformance tests are a run like any other, and have both. Tests that plant nothing there, and expect the same again and
again, may share a store that ends with the session: `store_of_the_session`.

And they compute on one thread, as runs do, in the processes that they start too: with as many processes as cores more
of them only wait for each other.

Processes that they start keep their bytecode, as Python does unless it is told not to: hundreds of them would compile
the whole suite again, and those of pytest rewrite its assertions.
"""

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from threadpoolctl import threadpool_limits

from nnparity.adapters.request import PROGRAMS
from nnparity.execute.observer import THREADS
from nnparity.store import location, memory
from nnparity.tests.once import shared

FOLDER = pytest.StashKey[TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """For processes that tests start, too, and before any fixture; those of xdist inherit the folder."""
    threadpool_limits(1, user_api="blas")
    for name in THREADS:
        os.environ.setdefault(name, "1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if config.getoption("--backend", None):
        return
    os.environ[location.VARIABLE] = location.OFF
    if PROGRAMS not in os.environ:
        config.stash[FOLDER] = TemporaryDirectory(prefix="nnparity-tests-")
        os.environ[PROGRAMS] = config.stash[FOLDER].name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Deletes it."""
    if FOLDER in config.stash:
        config.stash[FOLDER].cleanup()
        del os.environ[PROGRAMS]


@pytest.fixture(autouse=True)
def without_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside conformance tests, in one session."""
    if "conformance" not in request.path.parts:
        monkeypatch.setenv(location.VARIABLE, location.OFF)
        monkeypatch.setattr(memory, "_own", [])


@pytest.fixture
def store_of_the_session(without_store: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is expected is kept for the other tests that ask for this; the processes that they start have none."""
    memory.use(shared(tmp_path_factory) / "expectations")
    yield
    memory.leave()
