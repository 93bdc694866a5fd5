"""Every formula is an operation of every adapter, or declared unsupported with a reason; no operation is an orphan."""

import pytest

from nnparity.adapters.registry import builtin_names
from nnparity.execute.observer import Observer
from nnparity.spec import load


@pytest.mark.parametrize("backend", builtin_names())
def test_operations_and_formulas_match(backend: str) -> None:
    observer = Observer(backend)
    try:
        given, declined = set(observer.info.kernels), observer.info.unsupported
    finally:
        observer.close()
    assert given - set(load()) == set(), "operations that no formula asks for"
    assert set(load()) - given - set(declined) == set(), "formulas neither given nor declared unsupported"
    assert all(declined.values())
