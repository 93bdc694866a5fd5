"""Every dotted path that an adapter names is a callable of its framework, and rows are kernels like others."""

from importlib.util import find_spec
from typing import Any

import pytest

from nnparity.adapters.kernel import Kernel, kernel, passed, resolve
from nnparity.adapters.registry import BUILTIN
from nnparity.tests.adapters.survey import PLANTED, told

#: Keras has the same kernels on every backend.
BACKENDS = [backend for backend in BUILTIN if backend not in ("keras-tensorflow", "keras-jax")]


def unresolved(request: pytest.FixtureRequest, backend: str, which: str = "own") -> list[str]:
    """What the process of a backend cannot resolve among the paths of its adapter, or of those planted."""
    for package in {"huggingface": "transformers-torch"}.get(backend, backend).split("-"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    found: list[str] = told(request, backend, "kernels")[which]
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kernel_is_a_callable_of_its_framework(request: pytest.FixtureRequest, backend: str) -> None:
    assert unresolved(request, backend) == []


def test_a_wrong_path_is_seen(request: pytest.FixtureRequest) -> None:
    found = unresolved(request, "torch", "planted")
    assert [line.split(": ")[1] for line in found] == list(PLANTED["torch"])
    assert found[-1] == "planted: json.dumps: of another framework"


def test_the_paths_of_a_composition_are_those_between_its_operators() -> None:
    assert Kernel("jnp.matmul, +, jnp.tanh", composed=True).paths == ("jnp.matmul", "jnp.tanh")
    assert Kernel("a.b", using=("a.c", "a.d")).paths == ("a.b", "a.c", "a.d")


def test_a_kernel_in_words_says_what_it_uses() -> None:
    assert Kernel("a.b", using=("a.c", "a.d")).text == "a.b using a.c, a.d"
    assert Kernel("a.b, +").text == "a.b, +"


class Rows:
    """A row, and a method that does the same."""

    dumps = passed("json.dumps", convention="of another house", sort_keys=True)

    @kernel("json.dumps")
    def method(self, x: Any) -> Any:
        return resolve("json.dumps")(x, sort_keys=True)


@pytest.mark.parametrize("call", [lambda rows, x: rows.dumps(x), lambda rows, x: rows.dumps(x=x)])
def test_a_row_passes_its_inputs_on(call: Any) -> None:
    assert call(Rows(), {"b": 1, "a": 2}) == Rows().method({"b": 1, "a": 2}) == '{"a": 2, "b": 1}'


def test_a_row_is_declared_and_named_like_a_method() -> None:
    assert Rows.dumps.kernel == Kernel("json.dumps", convention="of another house")
    assert Rows().dumps.kernel == Rows.dumps.kernel
    assert Rows().dumps.__name__ == "dumps"


def test_a_row_may_be_overridden_and_called_from_there() -> None:
    class Faulty(Rows):
        def dumps(self, x: Any) -> Any:
            return super().dumps(x) + "!"

    assert Faulty().dumps(1) == "1!"


def test_a_row_of_something_missing_fails_when_it_is_called() -> None:
    class Older:
        newer = passed("json.not_there_yet")

    with pytest.raises(AttributeError, match="not_there_yet"):
        Older().newer(1)
