"""One item a formula, signature and dtype of a target, or a further check of it; the conformance_plugin says which."""

import pytest

from nnparity import checks, conformance_plugin
from nnparity.execute.target import TargetName
from nnparity.run.verdicts import failed
from nnparity.spec.selection import CaseGroup


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    found = [pytest.param(group, target, id=id) for id, group, target in conformance_plugin.items(metafunc.config)]
    nothing = pytest.param(
        None, None, id="no backend", marks=pytest.mark.skip(reason="say what to test: --backend NAME")
    )
    metafunc.parametrize(("group", "target"), found or [nothing])


def test_conforms(group: CaseGroup | checks.Item, target: TargetName, request: pytest.FixtureRequest) -> None:
    verdicts = conformance_plugin.examine(request.config, group, target)
    if not verdicts:  # as of subnormals of formulas that the target does not have; a run of nothing else ends with 2
        pytest.skip("nothing to judge")
    if any(failed(verdict) for verdict in verdicts):
        pytest.fail(conformance_plugin.explain(verdicts), pytrace=False)
