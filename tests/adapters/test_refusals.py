"""What an adapter declares as refused must be refused, in each formula that the declaration names; else it is stale."""

import pytest

from nnparity.adapters.registry import MORE, load
from nnparity.tests.adapters.survey import DECLARING, stale, told

#: Those that declare nothing: their frameworks do in all dtypes what they do at all.
SILENT = ("keras-torch", "huggingface")


@pytest.mark.parametrize("backend", DECLARING)
def test_no_declared_refusal_is_stale(request: pytest.FixtureRequest, backend: str) -> None:
    if backend in MORE:
        pytest.importorskip(backend)
    assert told(request, backend, "refusals")["stale"] == []


@pytest.mark.parametrize("backend", SILENT)
def test_the_others_declare_none(request: pytest.FixtureRequest, backend: str) -> None:
    assert told(request, backend, "refusals")["declared"] == []


def test_a_stale_declaration_is_found() -> None:
    class Modest(load("numpy")):  # type: ignore[misc]
        refused = {  # noqa: RUF012
            ("relu", "float16", "*", "cpu:*"): "too narrow",
            ("tan*", "float32", "hvp.x", "*"): "not twice",
            ("tan*", "float32", "hvp.x", "cuda:*"): "not here",
        }

    assert stale(Modest()) == ["relu float16 *", "tanh float32 hvp.x"]
