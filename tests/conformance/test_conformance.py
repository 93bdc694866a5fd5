"""One item a formula, signature and dtype of a target; the plugin says which."""

import pytest

from nnparity import plugin
from nnparity.plan import Group, TargetName
from nnparity.run import failed


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    found = list(plugin.items(metafunc.config))
    metafunc.parametrize(("group", "target"), [item[1:] for item in found], ids=[item[0] for item in found])


def test_conforms(group: Group, target: TargetName, request: pytest.FixtureRequest) -> None:
    verdicts = plugin.examine(request.config, group, target)
    assert verdicts, "nothing was judged"
    if any(failed(verdict) for verdict in verdicts):
        pytest.fail(plugin.explain(verdicts), pytrace=False)
