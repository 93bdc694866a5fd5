"""What an adapter declares as refused must be refused, in each formula that the declaration names; else it is stale."""

import fnmatch
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.registry import MORE, load
from nnparity.adapters.request import Failure
from nnparity.execute.requests import request
from nnparity.spec import Formula, cases_of
from nnparity.spec import load as formulas
from nnparity.spec.schema import QUANTITIES

#: The adapters that declare something, each in a process of its own, in the mode that compiles fastest.
DECLARING = {
    **dict.fromkeys(("jax", "keras-jax", "tensorflow"), "compiled"),
    "torch": "compiled",
    "onnxruntime": "optimized",
    "mlx": "lazy",
}
#: Those that declare nothing: their frameworks do in all dtypes what they do at all.
SILENT = ("keras-torch", "huggingface")


def stale(adapter: Adapter) -> list[str]:
    """The declarations of an adapter, formula by formula, where nothing is refused."""
    return [
        f"{formula.id} {dtype} {quantity}"
        for (name, wanted, quantity, place) in adapter.refused
        if fnmatchcase(f"{adapter.device}:{adapter.mode}", place)
        for formula in formulas().values()
        if fnmatchcase(formula.id, name) and formula.id not in adapter.unsupported
        for dtype in fnmatch.filter(formula.dtypes, wanted)
        if not refused(adapter, formula, dtype, quantity)
    ]


def refused(adapter: Adapter, formula: Formula, dtype: str, quantity: str) -> bool:
    case = next(cases_of(formula, dtype))[0]
    families = [family for family in QUANTITIES if quantity.startswith(family)]
    seen = adapter.observe(request(case, frozenset(families or QUANTITIES)))
    named = [answer for key, answer in seen.items() if fnmatchcase(key, quantity)]
    return bool(named) and all(isinstance(one, Failure) and one.kind == "unsupported" for one in named)


def in_a_process(backend: str, mode: str, asked: str) -> str:
    command = [sys.executable, "-m", __name__, backend, mode, asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("backend", DECLARING)
def test_no_declared_refusal_is_stale(backend: str) -> None:
    if backend in MORE:
        pytest.importorskip(backend)
    assert in_a_process(backend, DECLARING[backend], "stale") == "[]"


@pytest.mark.parametrize("backend", SILENT)
def test_the_others_declare_none(backend: str) -> None:
    assert in_a_process(backend, "eager", "declared") == "[]"


def test_a_stale_declaration_is_found() -> None:
    class Modest(load("numpy")):  # type: ignore[misc]
        refused = {  # noqa: RUF012
            ("relu", "float16", "*", "cpu:*"): "too narrow",
            ("tan*", "float32", "hvp.x", "*"): "not twice",
            ("tan*", "float32", "hvp.x", "cuda:*"): "not here",
        }

    assert stale(Modest()) == ["relu float16 *", "tanh float32 hvp.x"]


if __name__ == "__main__":
    found = load(sys.argv[1])(mode=sys.argv[2])
    print(stale(found) if sys.argv[3] == "stale" else list(found.refused))  # noqa: T201
