"""Models of PyTorch and Hugging Face against models of Keras: right ports conform, each fault is found and named."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import IO, Any

import pytest

from nnparity.porting.between import BETWEEN
from nnparity.tests.porting.models.numbers import LAYERS

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "keras", "transformers")), reason="a framework is not installed"
)
PLACE = "encoder.layer.7"
DROPS_IN_KERAS = "drops units or adds noise at random: it is called with training=True"
SIDES = ", ".join(f"{PLACE}.attention.self.{name}" for name in ("query", "key", "value"))
#: The eight layers and the activation of each block; three embeddings and a normalisation before, the pooler behind.
BERT = 9 * LAYERS + 4 + 2
RIGHT = {
    "bert": BERT,
    "bert in float16": BERT,
    "bert in bfloat16": BERT,
    "bert to bfloat16": BERT,
    "cnn": 12,
    "cnn of functions": 5,
    "cnn of channels first": 13,
    "images": 8,
    "residual": 7,
    "signal": 3,
    "lstm": 3,
    "gru": 2,
    "classes": 2,
    "attention": 2,
}
#: Fault -> a's layer, b's layer, its kind, and what is said of it.
WRONG = {
    "bert, epsilon": (f"{PLACE}.output.LayerNorm", "block7/norm2", "layer_norm", "epsilon is 1e-05 in b, 1e-12 in a"),
    "bert, large epsilon": (f"{PLACE}.output.LayerNorm", "block7/norm2", "layer_norm", "epsilon is 0.001 in b"),
    "bert, transposed": (f"{PLACE}.attention.self.query", "block7/query", "dense", "is a's transposed"),
    "bert, no bias": (f"{PLACE}.attention.self.query", "block7/query", "dense", "the bias of b is all zeros"),
    "bert, half": (f"{PLACE}.attention.self.query", "block7/query", "dense", "is a's rounded to float16"),
    "bert, tanh gelu": (
        *(f"{PLACE}.intermediate.intermediate_act_fn", "block7/inner/tanh_gelu", "gelu / tanh_gelu"),
        "the tanh approximation of GELU",
    ),
    "bert, relu": (
        *(f"{PLACE}.intermediate.intermediate_act_fn", "block7/inner/relu", "gelu / relu"),
        "b computes relu where a computes gelu",
    ),
    "bert, residual": (
        *(f"{PLACE}.attention.output.LayerNorm", "block7/norm1", BETWEEN),
        "b gives it encoder.layer.7.attention.output.dense alone",
    ),
    "bert, unscaled": (
        *(f"{PLACE}.attention.output.dense", "block7/out", BETWEEN),
        "in 4 heads, padding masked without 1/√d_k",
    ),
    "bert, divided": (
        *(f"{PLACE}.attention.output.dense", "block7/out", BETWEEN),
        "in 4 heads, padding masked scaled by 1/d_k instead of 1/√d_k",
    ),
    "bert, unmasked": (
        *(f"{PLACE}.attention.output.dense", "block7/out", BETWEEN),
        f"b gives it attention of {SIDES} in 4 heads; ",
    ),
    "bert, swapped": (
        *(f"{PLACE}.attention.output.dense", "block7/out", BETWEEN),
        f"b gives it attention of {PLACE}.attention.self.key, {PLACE}.attention.self.query",
    ),
    "bert in training": ("embeddings.dropout", "", "dropout in training", "drops units at random: call eval() before"),
    "cnn, transposed": ("6", "conv2d", "conv2d", "is a's transposed: input and output channels are exchanged"),
    "cnn, unpermuted": ("9", "dense", "dense", "is a's as it is, but the features come in the order c, h, w"),
    "images, epsilon": ("1", "batch_normalization", "batch_norm", "epsilon is 0.001 in b, 1e-05 in a"),
    "signal, padding": ("conv", "conv1d", "conv1d", "padding is ((0, 1),) in b, ((1, 1),) in a"),
    "lstm in training": ("lstm", "lstm", "dropout in training", "drops units at random: call eval() before"),
    **{
        f"{name} called in training": (name, name, "dropout in training", DROPS_IN_KERAS)
        for name in ("dropout", "spatial dropout", "noise", "recurrence", "heads")
    },
    "lstm, time first": ("LSTM", "LSTM", "lstm", "b's layer takes the batch for time: its batch_first is another"),
    "lstm, gates": ("lstm.1", "lstm", "lstm", "is a's with its gates in the order i, f, c, o"),
    "gru, gates": ("GRU.0", "gru", "gru", "is a's with its gates in the order z, r, n"),
    "gru, reset": ("GRU.0", "gru", "gru", "the reset gate is before the product in b, behind the product in a"),
    "classes, softmax": (
        *("1", "dense", "log_softmax / softmax"),
        "b computes softmax where a computes log_softmax",
    ),
    "attention, heads": (
        *("attention", "multi_head_attention", "multi_head_attention"),
        "the weight of the queries of b holds a's numbers in another order",
    ),
}


#: What has the time of one test.
BATCHES = {
    "right BERTs": [name for name in RIGHT if name.startswith("bert")],
    "right others": [name for name in RIGHT if not name.startswith("bert")],
    "faults of layers": [name for name in WRONG if name.startswith("bert") and BETWEEN not in WRONG[name]],
    "faults between layers": [name for name in WRONG if BETWEEN in WRONG[name]],
    "faults of others": [name for name in WRONG if not name.startswith("bert")],
}
Ports = Callable[[Sequence[str]], Iterator[tuple[str, dict[str, Any]]]]


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    """Tells what ports say of themselves; the process that runs them is started once."""
    command = [sys.executable, "-m", "nnparity.tests.porting.models.ports"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdin
        assert process.stdout

        def told(names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
            for name in names:
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                line = next((line for line in process.stdout if line.startswith("{")), "")
                assert line, _last_words(log)
                found = json.loads(line)
                assert list(found) == [name]
                yield name, found[name]

        yield told


def _last_words(log: IO[str]) -> str:
    log.seek(0)
    return log.read()[-2000:]


def test_all_are_in_a_batch() -> None:
    assert sorted(name for names in BATCHES.values() for name in names) == sorted([*RIGHT, *WRONG])


@pytest.mark.parametrize("batch", ["right BERTs", "right others"])
def test_a_right_port_conforms_in_all_layers(ports: Ports, batch: str) -> None:
    for name, told in ports(BATCHES[batch]):
        assert told["headline"] == f"all layers conform: {RIGHT[name]} layers in both models", name
        assert told["conforms"], name


@pytest.mark.parametrize("batch", ["faults of layers", "faults between layers", "faults of others"])
def test_the_first_layer_that_departs_is_named_and_why_and_none_behind_it(ports: Ports, batch: str) -> None:
    for name, told in ports(BATCHES[batch]):
        a, b, kind, why = WRONG[name]
        assert not told["conforms"], name
        assert (told["a"], told["kind"]) == (a, kind), name
        assert told["b"].startswith(b), name
        assert why in "; ".join(told["why"]), name
        assert told["headline"].startswith(f"the first layer that departs is {a} / "), name
        assert told["departures"] == 1 or name == "bert in training", name


def test_what_bfloat16_cannot_show_is_told(ports: Ports) -> None:
    ((_, told),) = ports(["bert in bfloat16, large epsilon"])
    assert not told["conforms"]
    assert told["departures"] == 0
    assert "encoder.layer.7.output.LayerNorm / block7/norm2 (layer_norm) differs: epsilon is 0.001" in told["headline"]
