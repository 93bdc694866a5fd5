"""Keras on its three backends: one mixin, and each backend in a process of its own."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

LOOK = """
import os, sys
os.environ["KERAS_BACKEND"] = sys.argv[2]
import keras  # the first to import it decides
from nnparity.adapters.registry import load
found = load(f"keras-{sys.argv[1]}")
foreign = [name for name, kernel in found.kernels().items() if kernel.calls.split(".")[0] != "keras"]
assert foreign == [], foreign
print(found().target)
"""


def look(wanted: str, first: str) -> subprocess.CompletedProcess[str]:
    """Load the adapter for one backend where Keras was imported on another, or on the same."""
    if find_spec("keras") is None or find_spec("torch") is None:
        pytest.skip("keras or torch is not installed")
    command = [sys.executable, "-c", LOOK, wanted, first]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_formula_is_keras_own() -> None:
    done = look("torch", "torch")
    assert done.stdout.splitlines()[-1:] == ["keras-torch:cpu:eager"], done.stderr


def test_keras_on_another_backend_is_not_taken_for_this_one() -> None:
    done = look("torch", "numpy")
    assert "keras-torch needs a process of its own: in this one Keras runs on numpy" in done.stderr
