"""Keras on its three backends: one mixin, and each backend in a process of its own."""

import json
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


def test_settings_are_those_that_keras_comes_with_whatever_a_user_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing()
    own = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.01}
    (tmp_path / "keras.json").write_text(json.dumps(own))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    w, g, lr = np.zeros(1, np.float32), np.ones(1, np.float32), {"lr": 0.1}
    observer = Observer("keras-torch")
    observer.submit(
        [
            Request("avg_pool2d", {"x": np.ones((2, 3, 4, 6), np.float32)}),
            Request("gradient_descent", {"w": w, "g": g}, lr),
            Request("gan_generator_nonsaturating", {"fake": np.zeros((1, 1), np.float32)}),
        ]
    )
    pooled, stepped, clipped = (seen.observation["output"] for seen in observer.collect())
    observer.close()
    assert np.shape(pooled) == (2, 3, 2, 3)
    assert stepped == np.float32(-0.1)  # in float16 the rate is 0.09998
    assert np.exp(-clipped) < 2e-7
