"""``nnparity port``: each model in a process of its own, Keras on TensorFlow; its status, and errors in a line."""

import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.capture.process import factory
from nnparity.spec.usage import UsageError
from nnparity.tests import commands
from nnparity.tests.porting.models import numbers

ROOT = Path(__file__).resolve().parents[2]
TORCH, KERAS = (
    "nnparity.tests.porting.models.torch_models",
    str(ROOT / "tests" / "porting" / "models" / "keras_models.py"),
)
needs_frameworks = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "tensorflow", "transformers")), reason="a framework is missing"
)
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = commands.nnparity("port", *map(str, arguments), env=os.environ | {"KERAS_BACKEND": "tensorflow"})
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    path = tmp_path / "sentences.npz"
    np.savez(path, **numbers.sentences())
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, numbers.image())
    return path


@needs_frameworks
def test_a_right_bert_conforms(sentences: Path) -> None:
    status, told, _ = run(f"{TORCH}:bert", f"{KERAS}:bert", "--inputs", sentences)
    assert told.splitlines()[0] == "all layers conform: 114 layers in both models"
    assert status == 0


@needs_frameworks
def test_an_epsilon_in_layer_7_is_found(sentences: Path) -> None:
    status, told, _ = run(f"{TORCH}:bert", f"{KERAS}:bert_with_another_epsilon", "--inputs", sentences)
    assert told.startswith(
        "the first layer that departs is encoder.layer.7.output.LayerNorm / block7/norm2 (layer_norm): "
        "epsilon is 1e-05 in b, 1e-12 in a"
    )
    assert status == 1


@needs_frameworks
def test_a_transposed_kernel_in_listing_4_2_is_found(images: Path) -> None:
    status, told, _ = run(f"{TORCH}:cnn", f"{KERAS}:transposed_cnn", "--inputs", images)
    assert told.startswith(
        "the first layer that departs is 6 / conv2d_2 (conv2d): the weight of b is a's transposed: "
        "input and output channels are exchanged"
    )
    assert status == 1


FACTORIES = """
import torch
def right():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 4)).eval()
def turned():
    model = right()
    model[0], model[2] = model[2], model[0]
    return model
def number():
    return 3
def tensorless():
    return torch.nn.Identity(), lambda x: x
def silent():
    model = right()
    return model, lambda x: print(model(x).shape)
"""


@pytest.fixture
def factories(tmp_path: Path) -> str:
    (tmp_path / "factories.py").write_text(FACTORIES, encoding="utf-8")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32))
    return f"{tmp_path / 'factories.py'}:"


@needs_torch
def test_two_models_of_one_framework_are_ported_too(factories: str, tmp_path: Path) -> None:
    inputs = ("--inputs", tmp_path / "x.npy")
    assert run(f"{factories}right", f"{factories}right", *inputs)[0] == 0
    status, told, _ = run(f"{factories}right", f"{factories}turned", *inputs, "--match", "0=0", "--match", "2=2")
    assert status == 1
    assert told.startswith("the first layer that departs is 0 / 0 (dense): b has the parameters of 2")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("# in a = in b\n\n0 = 0\n2 = 2\n", encoding="utf-8")
    assert run(f"{factories}right", f"{factories}turned", *inputs, "--match-file", pairs)[1] == told


def test_what_a_factory_raises_is_told_with_its_line_and_its_name_alone(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("def model():\n    raise ValueError('no weights')\ndef number():\n    return 3\n", encoding="utf-8")
    np.save(tmp_path / "x.npy", np.ones((2, 3), np.float32))
    asked = ("--inputs", tmp_path / "x.npy")
    status, _, told = run(f"{file}:model", f"{file}:model", *asked)
    assert status == 2
    line = "broken.py:2 in model: raise ValueError('no weights')"
    assert told.split("\n")[:2] == [f"nnparity: {file}:model: ValueError: no weights", f"  {line}"]
    status, _, told = run(f"{file}:number", f"{file}:model", *asked)
    assert (status, told[: len(f"nnparity: {file}:number: int is")]) == (2, f"nnparity: {file}:number: int is")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("{}nosuch", "has no function 'nosuch' that makes a model"),
        ("nosuch.py:f", "there is no file nosuch.py"),
        ("nosuch:f", "there is no module 'nosuch'"),
        ("nosuch", "'nosuch' names no factory"),
    ],
)
def test_a_factory_that_is_not_there_is_told(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("def one():\n    return 1\n", encoding="utf-8")
    assert factory(f"{tmp_path / 'plain.py'}:one")() == 1
    with pytest.raises(UsageError, match=re.escape(says)):
        factory(name.format(f"{tmp_path / 'plain.py'}:"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--match", "0"), "'0' is no pair of layers"),
        (("--match-file", "nosuch.txt"), "nosuch.txt: No such file"),
        (("--b-inputs", __file__), "holds no arrays of NumPy"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_before_anything_is_started(
    more: Sequence[str], says: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    status, _, told = run("nosuch:f", "nosuch:f", "--inputs", tmp_path / "x.npy", *more)
    assert says in " ".join(told.split())
    assert status == 2


@needs_torch
def test_what_is_no_model_is_told(factories: str, tmp_path: Path) -> None:
    status, _, told = run(f"{factories}number", f"{factories}right", "--inputs", tmp_path / "x.npy")
    assert "int is no model that can be watched: expected a torch module or a Keras layer" in " ".join(told.split())
    assert status == 2


@needs_torch
def test_a_model_that_raises_is_told_with_its_words(factories: str, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((5, 7), np.float32))
    status, _, told = run(f"{factories}right", f"{factories}right", "--inputs", tmp_path / "wide.npy")
    assert "could not be run: RuntimeError: mat1 and mat2 shapes cannot be multiplied" in " ".join(told.split())
    assert status == 2


@needs_torch
def test_a_model_without_a_result_is_refused(factories: str, tmp_path: Path) -> None:
    status, _, told = run(f"{factories}silent", f"{factories}silent", "--inputs", tmp_path / "x.npy")
    assert "Sequential returns None: give a pair of it and a function that returns" in " ".join(told.split())
    assert status == 2


@needs_torch
def test_no_pair_is_status_2(factories: str, tmp_path: Path) -> None:
    status, told, _ = run(f"{factories}right", f"{factories}tensorless", "--inputs", tmp_path / "x.npy")
    assert "no layer of a has a counterpart in b, which is no pass" in told
    assert status == 2
