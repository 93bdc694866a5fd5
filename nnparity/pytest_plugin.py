"""The pytest plugin, for tests of one's own: the fixture `parity`, the API bound to it, and the marker ``dtypes``.

pytest loads it wherever nnparity is installed, whatever is tested there. So it claims no name but its own: those two,
and options that begin with ``--nnparity``. What a conformance run needs is in `conformance_plugin`.
"""

from collections.abc import Iterator, Sequence

import pytest

from nnparity.api.bound import Parity
from nnparity.api.given import dtype_of
from nnparity.porting.port import port
from nnparity.spec.schema import LEVELS
from nnparity.spec.usage import UsageError, require


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of the fixture."""
    group = parser.getgroup("nnparity", "the fixture `parity`")
    group.addoption("--nnparity-level", default="quick", help="of the fixture `parity`: quick, core or full")


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker, and refuses a level that there is not."""
    config.addinivalue_line("markers", "dtypes(name, ...): run the test with the fixture `parity` once in each dtype")
    try:
        require("level", (config.getoption("--nnparity-level"),), LEVELS)
    except UsageError as error:
        raise pytest.UsageError(f"--nnparity-level: {error}") from error


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> Iterator[Parity]:
    """nnparity's API bound to the test: what does not conform fails it, and is told by the suite's message."""
    dtype = getattr(request, "param", "float32")

    def record(name: str, value: object) -> None:
        """A property of the test. pytest's `record_property` does the same, and warns where a JUnit file is xunit2."""
        request.node.user_properties.append((name, value))

    made = Parity(dtype, request.config.getoption("--nnparity-level"), record, port)
    yield made
    made.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the marker ``dtypes`` and the fixture `parity` is run in each of those."""
    marker = metafunc.definition.get_closest_marker("dtypes")
    if marker is None or "parity" not in metafunc.fixturenames:
        return
    names, wrong = _dtypes(marker.args)
    if wrong:
        # A traceback would be one of pytest and of nnparity, without the line at fault.
        pytest.fail(f"the marker dtypes of {metafunc.definition.nodeid}: {wrong}", pytrace=False)
    metafunc.parametrize("parity", names, indirect=True)


def _dtypes(asked: Sequence[object]) -> tuple[list[str], str]:
    """Their names, and what is wrong with one of them."""
    try:
        return [dtype_of(one).name for one in asked], ""
    except UsageError as error:
        return [], str(error)
