"""Devices by their words, modes that only a GPU has, and a target on another device than the first.

No GPU is needed: what is shown here of CUDA is what is said without one. XLA can be told to have two CPUs, which are
two devices to JAX.
"""

from importlib.util import find_spec
from types import MappingProxyType

import numpy as np
import pytest

from nnparity.adapters.kernel import place
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Request
from nnparity.adapters.shared.devices import GpuModes, with_options, words
from nnparity.execute.observer import Observer, TargetUnavailable
from nnparity.spec.precision import FUSED, TF32

TWO = "--xla_force_host_platform_device_count=2"
needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
MODES = [
    ("torch", "eager+tf32"),
    ("torch", "eager+nondeterministic"),
    ("tensorflow", "eager+tf32"),
    ("tensorflow", "eager+nondeterministic"),
    ("jax", "compiled+tf32"),
    ("jax", "compiled+nondeterministic"),
]


class Somewhere(GpuModes, NumpyAdapter):
    """NumPy under the words of a GPU: what an adapter says of a mode, without a number that a GPU computed."""

    backend = "somewhere"
    modes = with_options(("eager", "graph"))
    precision = MappingProxyType({("softmax", "*", "output"): FUSED})
    varying = MappingProxyType({"conv2d": "by chance"})

    @classmethod
    def devices(cls) -> list[str]:
        return ["cpu", *words("cuda", 2)]


@pytest.mark.parametrize(
    ("word", "found"), [("cpu", ("cpu", 0)), ("cpu1", ("cpu", 1)), ("cuda12", ("cuda", 12)), ("", ("", 0))]
)
def test_a_word_is_a_kind_and_a_number(word: str, found: tuple[str, int]) -> None:
    assert place(word) == found


def test_the_first_of_a_kind_has_no_number() -> None:
    assert list(words("cuda", 3)) == ["cuda", "cuda1", "cuda2"]
    assert list(words("cuda", 0)) == []


def test_a_mode_is_a_way_and_an_option() -> None:
    assert Somewhere.modes == ("eager", "graph", "eager+tf32", "eager+nondeterministic")
    assert [(one.way, one.option) for one in (Somewhere("cuda", "graph"), Somewhere("cuda", "eager+tf32"))] == [
        ("graph", ""),
        ("eager", "tf32"),
    ]


def test_float32_is_held_to_tf32_where_the_mode_says_so_and_nothing_else_is() -> None:
    assert dict(Somewhere("cuda1", "eager+tf32").precision) == {
        ("*", "float32", "*"): TF32,
        ("softmax", "*", "output"): FUSED,
    }
    assert dict(Somewhere("cuda1").precision) == dict(Somewhere.precision)


def test_kernels_are_deterministic_on_a_gpu_unless_the_mode_says_so_and_then_that_is_declared() -> None:
    usual, other, host = Somewhere("cuda"), Somewhere("cuda", "eager+nondeterministic"), Somewhere("cpu")
    assert (usual.deterministic, other.deterministic, host.deterministic) == (True, False, False)
    assert (dict(usual.nondeterministic), dict(other.nondeterministic)) == ({}, {"conv2d": "by chance"})


@pytest.mark.parametrize(("backend", "mode"), MODES)
def test_such_a_mode_is_refused_on_the_cpu(backend: str, mode: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    with pytest.raises(TargetUnavailable, match=rf"{backend}'s mode {mode.replace('+', '.')} is for cuda, not for cpu"):
        Observer(backend, "cpu", mode).close()


@needs_jax
def test_jax_computes_on_the_second_of_two_host_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", TWO)
    observer = Observer("nnparity.tests.execute.placed:Placed", "cpu1")
    x = np.array([[0.5, -2.0]], np.float32)
    observer.submit([Request("tanh", {"x": x}, wrt=("x",)), Request("relu", {"x": x}, wrt=("x",))])
    tanh, where = (one.observation["output"] for one in observer.collect())
    observer.close()
    assert observer.info.target == "placed:cpu1:compiled"
    assert observer.info.devices == ["cpu", "cpu1"]
    assert tanh.dtype == np.float32
    assert where.tolist() == [[1.0, 1.0]], "the device that the result lies on"


@needs_jax
def test_there_is_no_second_one_unless_xla_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    with pytest.raises(TargetUnavailable, match="jax has no cpu1 here, only cpu"):
        Observer("jax", "cpu1").close()
