"""JAX compiles a program once, ever: the next process reads it, unless nothing is kept or it takes other threads."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.request import PROGRAMS, Failure, Request
from nnparity.execute.observer import Observer
from nnparity.execute.program_cache import OWN
from nnparity.execute.requests import request
from nnparity.spec import packs
from nnparity.spec.cases.naming import find

pytestmark = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
COMPILED, CACHED = Counter(compiled=1), Counter({"from the cache": 1})
ASKED = Request("tanh", {"x": np.ones((3, 5), np.float32)})


def needed(observer: Observer) -> Counter[str]:
    """The programs that one observation takes."""
    observer.submit([ASKED])
    assert all(isinstance(one, np.ndarray) for answer in observer.collect() for one in answer.observation.values())
    return observer.take_programs()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    return tmp_path


def test_a_program_is_compiled_once_for_each_number_of_threads(folder: Path) -> None:
    first = Observer("jax")
    assert first.info.target == "jax:cpu:compiled"
    assert needed(first) == COMPILED
    assert needed(first) == Counter(), "within a process it is there"
    assert needed(first.twin()) == CACHED
    assert needed(first.twin(2)) == COMPILED, "XLA may have shared its loops out"
    first.close()
    assert sorted(path.name for path in (folder / OWN / "jax").iterdir()) == ["threads-1", "threads-2"]


def test_a_folder_of_the_users_own_is_taken_and_without_one_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRAMS, "off")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    given = Observer("jax")
    assert needed(given) == COMPILED
    given.close()
    assert list(tmp_path.glob("threads-1/*-cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    alone = Observer("jax")
    assert needed(alone) == COMPILED
    assert needed(alone.twin()) == CACHED, "processes of a run share what they compile all the same"
    alone.close()


#: As a user writes it: it is no class of nnparity's.
OWN_CLASS = """
from nnparity.adapters.jax.backend import JaxAdapter


class Own(JaxAdapter):
    pass
"""
#: What code changes that the text of a lowered program does not show.
OTHER_SETTINGS = """
import jax
from nnparity.adapters.jax.executables import environment

before = environment()
jax.config.update("jax_compilation_cache_dir", "elsewhere")
assert environment() == before
jax.config.update("jax_disable_most_optimizations", True)
assert environment() != before
"""
#: What a variable names may change while it stays as it is.
OTHER_FLAGS = """
import os
import sys
from pathlib import Path
from nnparity.adapters.jax.executables import environment

os.environ["XLA_FLAGS"] = sys.argv[1]
before = environment()
Path(sys.argv[1]).write_text("--xla_cpu_enable_fast_math=true")
assert environment() != before
"""
#: What JAX traces with is not all its own: it requires opt_einsum, for which version and files speak.
REQUIRED = """
from nnparity.adapters.jax.executables import _under

assert {"jax", "jaxlib", "numpy", "scipy", "opt-einsum", "ml-dtypes"} <= set(_under(["jax"])), _under(["jax"])
assert "pytest" not in _under(["jax"])
"""
MODERN = Path(__file__).parents[2] / "packs" / "modern"


def answer(observer: Observer, formula: str = "tanh") -> bytes:
    """What a target answers, in bytes; it is ended afterwards."""
    observer.submit([replace(ASKED, formula=formula)])
    (found,) = observer.collect()
    observer.close()
    output = found.observation["output"]
    assert isinstance(output, np.ndarray), output
    return output.tobytes()


def executables(folder: Path, kind: str) -> list[Path]:
    """The files in which programs lie, or those that say for an operation which."""
    return sorted((folder / OWN / "jax" / "threads-1" / "executables").glob(f"*-{kind}"))


def test_what_is_kept_is_run_without_being_traced(folder: Path) -> None:
    """An executable of another operation in its place is run as it is."""
    tanh, (of_tanh,) = answer(Observer("jax")), executables(folder, "alias")
    sigmoid = answer(Observer("jax"), "sigmoid")
    (of_sigmoid,) = {*executables(folder, "alias")} - {of_tanh}
    assert tanh != sigmoid
    of_tanh.write_bytes(of_sigmoid.read_bytes())
    assert answer(Observer("jax")) == sigmoid


@pytest.mark.parametrize("kind", ["alias", "executable"])
@pytest.mark.parametrize("damage", [lambda told: told[:-1], lambda told: told[:40] + b"?" + told[41:], lambda _: b""])
def test_what_is_damaged_is_made_anew(folder: Path, kind: str, damage: Callable[[bytes], bytes]) -> None:
    right, (path,) = answer(Observer("jax")), executables(folder, kind)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    observer = Observer("jax")
    assert needed(observer) == (CACHED if kind == "alias" else COMPILED)
    assert answer(observer) == right
    assert len(path.read_bytes()) == len(whole)


@pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")
def test_an_operation_that_is_the_same_to_xla_is_not_compiled_again(folder: Path) -> None:
    answer(Observer("jax"))
    keras = Observer("keras-jax")
    assert needed(keras) == CACHED
    keras.close()
    assert [len(executables(folder, kind)) for kind in ("alias", "executable")] == [2, 1]


def test_an_operation_that_is_mapped_is_another_of_the_same_shapes(folder: Path) -> None:
    """It was the same once, so that what is asked of mapped code was answered by the code for all samples."""
    observer = Observer("jax")
    observer.submit([ASKED, replace(ASKED, mapped=("x",))])
    plain, mapped = (found.observation["output"] for found in observer.collect())
    observer.close()
    assert isinstance(plain, np.ndarray)
    assert isinstance(mapped, np.ndarray)
    assert plain.shape == mapped.shape
    assert len(executables(folder, "alias")) == 2


def test_directions_that_a_program_makes_nothing_of_make_no_other_program(folder: Path) -> None:
    observer = Observer("jax")
    assert needed(observer) == COMPILED
    ones = {"x": ASKED.inputs["x"]}
    observer.submit(
        [replace(ASKED, cotangents={"output": ones["x"]}, tangents=ones, wrt=("x",), quantities={"output"})]
    )
    (found,) = observer.collect()
    observer.close()
    assert set(found.observation) == {"output"}
    assert observer.take_programs() == CACHED


def test_another_setting_of_jax_has_its_program_traced_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(Observer("jax"))
    for name, value, of_xla in (
        ("JAX_NUMPY_RANK_PROMOTION", "warn", 2),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=true", 3),
    ):
        monkeypatch.setenv(name, value)
        observer = Observer("jax")
        assert needed(observer) == COMPILED
        observer.close()
        assert [len(executables(folder, kind)) for kind in ("alias", "executable")] == [of_xla, of_xla]


def test_a_setting_made_in_code_compiles_another_program_and_where_programs_lie_does_not() -> None:
    subprocess.run([sys.executable, "-c", OTHER_SETTINGS], check=True)


def test_flags_that_stand_in_a_file_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "flags").write_text(" ")
    subprocess.run([sys.executable, "-c", OTHER_FLAGS, str(tmp_path / "flags")], check=True)


def test_what_jax_requires_takes_part() -> None:
    subprocess.run([sys.executable, "-c", REQUIRED], check=True)


def test_what_a_pack_names_as_its_kernel_is_always_traced(folder: Path) -> None:
    """It may lie in a module of somebody's own, which is imported when the kernel is first called."""
    pack = packs.take(MODERN)
    try:
        answer(Observer("jax"), "silu")
    finally:
        packs.drop(pack)
    assert not executables(folder, "alias")
    answer(Observer("jax"))
    assert executables(folder, "alias")


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of somebody's own adapter, which is JAX's."""
    code = tmp_path_factory.mktemp("code")
    (code / "somebodys_class.py").write_text(OWN_CLASS)
    monkeypatch.syspath_prepend(str(code))
    return "somebodys_class:Own"


def test_code_of_somebodys_own_is_always_traced(folder: Path, own: str) -> None:
    observer = Observer(own)
    assert needed(observer) == COMPILED
    observer.close()
    assert not executables(folder, "alias")


def test_what_jax_keeps_of_somebodys_own_code_is_not_kept_again(folder: Path, own: str) -> None:
    """JAX would find it compiled, and what it has read it cannot write: when it is run, functions are "not found"."""
    answer(Observer(own))
    right = answer(Observer("jax"))
    again = Observer("jax")
    assert needed(again) == CACHED
    assert answer(again) == right


def refused(observer: Observer) -> tuple[str, str]:
    """What one observation fails with: its kind, and the message."""
    observer.submit([ASKED])
    (found,) = observer.collect()
    observer.close()
    failed = found.observation["output"]
    assert isinstance(failed, Failure)
    return failed.kind, failed.message


def test_code_run_op_by_op_in_its_place_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    kind, message = refused(Observer("jax"))
    assert (kind, "made no program" in message) == ("error", True)


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
@pytest.mark.parametrize("mode", ["graph", "compiled"])
def test_a_graph_that_was_not_made_is_an_error(mode: str) -> None:
    kind, message = refused(Observer("nnparity.tests.execute.fallen_back:FallenBack", "cpu", mode))
    assert (kind, "made no graph" in message) == ("error", True)


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_layers_of_keras_run_in_a_graph_in_more_than_one_shape() -> None:
    cases = [find(f"lstm_step/{sizes}/normal/float32") for sizes in ("n2k3m4", "n1k1m1", "n3k40m24")]
    observer = Observer("tensorflow", "cpu", "graph")
    observer.submit([request(case, frozenset({"output"})) for case in cases])
    found = [one.observation for one in observer.collect()]
    observer.close()
    assert [set(map(type, one.values())) for one in found] == [{np.ndarray}] * 3
