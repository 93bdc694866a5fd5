"""Every formula is an operation of every adapter, or declared unsupported with a reason; no operation is an orphan."""

from importlib.util import find_spec

import pytest

from nnparity.adapters.registry import MORE, builtin_names
from nnparity.execute.observer import Observer
from nnparity.execute.target import Target, TargetName
from nnparity.reports.records import Kernel
from nnparity.run.verdicts import target_line
from nnparity.spec import load
from nnparity.tests.adapters.survey import told


@pytest.mark.parametrize("backend", builtin_names())
def test_operations_and_formulas_match(request: pytest.FixtureRequest, backend: str) -> None:
    if backend in MORE and find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    found = told(request, backend, "traceability")
    given, declined = set(found["kernels"]), found["unsupported"]
    assert given - set(load()) == set(), "operations that no formula asks for"
    assert set(load()) - given - set(declined) == set(), "formulas neither given nor declared unsupported"
    assert all(declined.values())


def test_a_kernel_and_its_convention_reach_the_run_file() -> None:
    pytest.importorskip("torch")
    observer = Observer("torch")
    try:
        kernels = target_line(Target(observer, {}), TargetName("torch")).kernels
    finally:
        observer.close()
    flipped = "computes cross-correlation: the kernel is flipped before the call"
    assert kernels["conv2d"] == Kernel("torch.nn.functional.conv2d", convention=flipped)
    assert kernels["sparse_cross_entropy"].calls == "torch.nn.functional.nll_loss using torch.log"
    assert kernels["dense"].composed is False
    assert kernels["l2_penalty"].composed is True
