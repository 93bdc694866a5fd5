"""Keras on its three backends: one mixin, and each backend in a process of its own."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

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
