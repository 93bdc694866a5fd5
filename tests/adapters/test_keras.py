"""Keras on its three backends: one mixin, and each backend in a process of its own."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.request import Request
from nnparity.execute.observer import Observer
from nnparity.tests.adapters.survey import told

LOOK = """
import os, sys
os.environ["KERAS_BACKEND"] = sys.argv[2]
import keras  # the first to import it decides
from nnparity.adapters.registry import load
found = load(f"keras-{sys.argv[1]}")
found()
"""


def missing() -> None:
    if find_spec("keras") is None or find_spec("torch") is None:
        pytest.skip("keras or torch is not installed")


def test_every_formula_is_keras_own(request: pytest.FixtureRequest) -> None:
    missing()
    assert told(request, "keras-torch", "keras") == {"foreign": [], "target": "keras-torch:cpu:eager", "mse": 2640.0}


def test_keras_on_another_backend_is_not_taken_for_this_one() -> None:
    """Load the adapter for one backend where Keras was imported on another."""
    missing()
    command = [sys.executable, "-c", LOOK, "torch", "numpy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "keras-torch needs a process of its own: in this one Keras runs on numpy" in done.stderr


def test_images_lie_as_keras_has_them_whatever_a_user_has_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing()
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    observer = Observer("keras-torch")
    observer.submit([Request("avg_pool2d", {"x": np.ones((2, 3, 4, 6), np.float32)})])
    (seen,) = observer.collect()
    observer.close()
    assert np.shape(seen.observation["output"]) == (2, 3, 2, 3)
