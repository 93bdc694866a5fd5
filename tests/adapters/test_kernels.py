"""Every dotted path that an adapter names is a callable of its framework, and rows are kernels like others.

None may write into what it is given, nor may its derivatives.
"""

import re
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity.adapters.kernel import Kernel, Operation, Point, Tensors, kernel, passed, resolve
from nnparity.adapters.packs import unknown
from nnparity.adapters.registry import BUILTIN
from nnparity.adapters.request import Array, Failure
from nnparity.spec import packs
from nnparity.spec.usage import UsageError
from nnparity.tests.adapters.survey import PLANTED, told
from nnparity.tests.adapters.test_base import ALL, Squares
from nnparity.tests.adapters.test_base import request as squared
from nnparity.tests.command_line.test_packs import MODERN, spoil
from nnparity.tests.invocation import invoked

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


# --- of packs


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the pack, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MODERN, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))


def nnparity(*arguments: str) -> int | str | None:
    status = invoked(*arguments)
    assert packs.taken() == ()
    return status


@pytest.mark.parametrize(
    ("file", "right", "wrong", "says"),
    [
        (
            "activations.toml",
            'ax.nn.silu", keras =',
            'ax.nn.silu", kears =',
            "silu.kernels.kears: no .*'kears' .*keras?",
        ),
        (
            "activations.toml",
            '{ tensorflow = "tf.nn',
            '{ tensorflo = "tf.nn',
            "softplus.kernels.tensorflo: .*tensorflow?",
        ),
        ("on_torch.py", "", "on_torhc.py", "on_torhc.py: no backend is called 'torhc' .did you mean torch?"),
    ],
)
def test_a_backend_that_is_misspelt_is_named(
    mine: None, capsys: pytest.CaptureFixture[str], file: str, right: str, wrong: str, says: str
) -> None:
    """Nothing would ask for it, and its kernels were said to be unsupported."""
    spoil(f"mine/{file}", right, wrong) if right else Path("mine", file).rename(Path("mine", wrong))
    for command in (("prove", "mine"), ("run", "--pack", "mine", "--backend", "numpy", "--level", "quick")):
        assert nnparity(*command) == 2
        assert re.search(says.replace("?", r"\?"), capsys.readouterr().err)


def test_kernels_for_a_backend_that_is_not_here_are_no_fault(mine: None, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be a plugin that is not installed, or called like another: nothing is refused, and `prove` tells it."""
    shutil.copy("mine/on_torch.py", "mine/on_mytorch.py")
    spoil("mine/activations.toml", 'kernels = { torch = "torch.nn.functional.silu"', 'kernels = { npu = "npu.silu"')
    small = ("--formula", "huber", "--dtype", "float32", "--level", "quick", "--no-store", "--no-scripts")
    assert nnparity("run", "--pack", "mine", "--backend", "numpy", *small) == 0
    capsys.readouterr()
    assert nnparity("prove", "mine") == 0
    told = capsys.readouterr().err
    assert "on_mytorch.py: no backend is called 'mytorch' here; there are " in told
    assert "activations.toml: silu.kernels.npu: no backend is called 'npu' here; there are " in told


def test_a_name_that_a_plugin_gives_is_no_misspelt_one() -> None:
    found = packs.take(MODERN)
    try:
        assert list(unknown(found, BUILTIN)) == []
        own = msgspec.structs.replace(found.formulas["silu"], kernels={"tourch": "tourch.silu"})
        pack = replace(found, folder=MODERN / "nowhere", formulas={"silu": own})
        assert list(unknown(pack, {"tourch", *BUILTIN})) == []
        with pytest.raises(UsageError, match=r"silu.kernels.tourch: no backend is called 'tourch'"):
            list(unknown(pack, BUILTIN))
    finally:
        packs.drop(found)


class InPlace(Squares):
    """Its kernel writes its result over its input, where its own `put` made a copy."""

    backend = "in-place"

    @kernel("x *= x")
    def square(self, x: Array) -> Array:
        x *= x
        return x


def test_a_kernel_that_changes_its_input_is_told_whatever_it_returns() -> None:
    for quantities, now in (ALL, 16), (frozenset({"output"}), 4):
        told = f"ValueError: the method of square changed its input x: [1] is {now} now, and was 2"
        assert set(InPlace().observe(squared("square", quantities=quantities)).values()) == {Failure("error", told)}


class WritesIntoGradients(Squares):
    """Its VJP is right, and leaves what it has made of the cotangent in its place, for whoever else reads that."""

    backend = "writes-into-gradients"

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        (g,) = point.cotangents
        outputs, gradients = super().vjp(operation, point)
        g *= 2
        return outputs, gradients


def test_a_derivative_that_changes_its_cotangent_is_told() -> None:
    told = "ValueError: a derivative of square changed the cotangent of output: [1] is 2 now, and was 1"
    asked = squared("square", quantities=frozenset({"grad"}), cotangents={"output": np.array([0.0, 1, 0])})
    assert set(WritesIntoGradients().observe(asked).values()) == {Failure("error", told)}
