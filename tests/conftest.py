"""The tests of this repository have no store but those they make themselves.

What they plant in the reference must not be answered by what was kept before, nor kept for the user whose store it is.
Conformance tests are a run like any other, and have it.
"""

import os

import pytest

from nnparity.store import location, memory


def pytest_configure(config: pytest.Config) -> None:
    """For processes that tests start, too, and before any fixture."""
    if not config.getoption("--backend", None):
        os.environ[location.VARIABLE] = location.OFF


@pytest.fixture(autouse=True)
def without_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside conformance tests, in one session."""
    if "conformance" not in request.path.parts:
        monkeypatch.setenv(location.VARIABLE, location.OFF)
        monkeypatch.setattr(memory, "_own", [])
