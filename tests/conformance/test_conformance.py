"""One item a formula, signature and dtype of a target, or a further check of it; the plugin says which."""

import pytest

from nnparity import checks, plugin
from nnparity.plan import Group, TargetName
from nnparity.run import failed


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    found = [pytest.param(group, target, id=id) for id, group, target in plugin.items(metafunc.config)]
    nothing = pytest.param(
        None, None, id="no backend", marks=pytest.mark.skip(reason="say what to test: --backend NAME")
    )
    metafunc.parametrize(("group", "target"), found or [nothing])


def test_conforms(group: Group | checks.Item, target: TargetName, request: pytest.FixtureRequest) -> None:
    verdicts = plugin.examine(request.config, group, target)
    assert verdicts, "nothing was judged"
    if any(failed(verdict) for verdict in verdicts):
        pytest.fail(plugin.explain(verdicts), pytrace=False)
