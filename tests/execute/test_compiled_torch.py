"""torch.compile: compiled code really ran, and is kept for the next process; eager code in its place is an error."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.request import PROGRAMS, Failure, Request
from nnparity.execute.observer import Observer
from nnparity.execute.program_cache import OWN

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def asked(*shape: int) -> Request:
    return Request("tanh", {"x": np.ones(shape, np.float32)})


def answer(observer: Observer, request: Request) -> np.ndarray | Failure:
    observer.submit([request])
    (found,) = observer.collect()
    return found.observation["output"]


def test_each_shape_is_a_graph_and_the_next_process_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRAMS, str(tmp_path))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    first = Observer("torch", "cpu", "compiled")
    for size in range(1, 12):  # past the 8 shapes after which it would fall back
        assert isinstance(answer(first, asked(size, 3)), np.ndarray)
    assert first.take_programs() == Counter(compiled=11)
    assert isinstance(answer(first, asked(3, 3)), np.ndarray)
    assert first.take_programs() == Counter(), "within a process it is there"
    assert isinstance(answer(first.twin(), asked(3, 3)), np.ndarray)
    assert first.take_programs() == Counter({"from the cache": 1})
    first.close()
    assert (tmp_path / OWN / "inductor").is_dir()


def test_eager_code_in_its_place_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    observer = Observer("torch", "cpu", "compiled")
    found = answer(observer, asked(2, 3))
    observer.close()
    assert isinstance(found, Failure)
    assert (found.kind, "made no graph" in found.message) == ("error", True)


def test_what_cannot_be_one_graph_is_declared() -> None:
    observer = Observer("torch", "cpu", "compiled")
    x, h, w = (np.ones(shape, np.float32) for shape in ((2, 3, 3), (2, 4), (4, 4, 4)))
    inputs = {"x": x, "h": h, "c": h, "wx": np.ones((4, 4, 3), np.float32), "wh": w, "b": np.ones((4, 4), np.float32)}
    found = answer(observer, Request("lstm", inputs))
    observer.close()
    assert isinstance(found, Failure)
    assert found.kind == "unsupported"
