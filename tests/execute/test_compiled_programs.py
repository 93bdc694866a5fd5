"""JAX compiles a program once, ever: the next process reads it, unless nothing is kept or it takes other threads."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.request import PROGRAMS, Failure, Request
from nnparity.execute.observer import Observer
from nnparity.execute.program_cache import OWN
from nnparity.execute.requests import request
from nnparity.spec.cases.naming import find

pytestmark = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
COMPILED, CACHED = Counter(compiled=1), Counter({"from the cache": 1})
ASKED = Request("tanh", {"x": np.ones((3, 5), np.float32)})


def needed(observer: Observer) -> Counter[str]:
    """The programs that one observation takes."""
    observer.submit([ASKED])
    assert all(isinstance(one, np.ndarray) for answer in observer.collect() for one in answer.observation.values())
    return observer.take_programs()


def test_a_program_is_compiled_once_for_each_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    first = Observer("jax")
    assert first.info.target == "jax:cpu:compiled"
    assert needed(first) == COMPILED
    assert needed(first) == Counter(), "within a process it is there"
    assert needed(first.twin()) == CACHED
    assert needed(first.twin(2)) == COMPILED, "XLA may have shared its loops out"
    first.close()
    assert sorted(path.name for path in (tmp_path / OWN / "jax").iterdir()) == ["threads-1", "threads-2"]


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
