"""Ports of PyTorch's models to Keras's, right ones and with faults, run in one process and told as JSON.

``python -m nnparity.tests.porting.models.ports`` reads names of `PORTS`, one a line; Keras is on PyTorch here.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"
import nnparity
from nnparity.tests.porting.models import keras_models, numbers, torch_models

#: Faults of the BERT.
FAULTS = (
    *("epsilon", "large epsilon", "transposed", "swapped", "no bias", "half", "tanh gelu", "relu", "residual"),
    *("unscaled", "divided", "unmasked"),
)
Port = Callable[[], Any]


def _bert(fault: str = "", dtype: str = "float32", other: str = "") -> Port:
    return lambda: nnparity.port(
        torch_models.bert(dtype), keras_models.bert(fault, other or dtype), numbers.sentences()
    )


def _cnn(a: str, b: str) -> Port:
    return lambda: nnparity.port(getattr(torch_models, a)(), getattr(keras_models, b)(), numbers.image())


def _training() -> Any:
    return nnparity.port(torch_models.bert().train(), keras_models.bert(), numbers.sentences())


def _lstm_in_training() -> Any:
    """Both drop between their layers, which only what the next layer receives would show."""
    one, other = torch_models.lstm().train(), torch_models.lstm().train()
    one.lstm.dropout = other.lstm.dropout = 0.5
    return nnparity.port(one, other, numbers.sequences())


def _called_in_training(model: Port) -> Any:
    """A Keras model against itself, both called so."""
    made = model()
    called = (made, lambda x: made(x, training=True))
    return nnparity.port(called, called, numbers.sequences())


def _residual() -> Any:
    given = torch_models.residual()
    return nnparity.port(given, keras_models.residual(given), numbers.image())


def _gru(fault: str = "") -> Any:
    given = torch_models.gru()
    return nnparity.port(given, keras_models.gru(given[0], fault), numbers.sequences())


def _classes(fault: str = "") -> Any:
    given = torch_models.classes()
    return nnparity.port(given, keras_models.classes(given, fault), numbers.sequences())


def _signal(fault: str = "") -> Any:
    """Eight numbers in threes: with an odd count both ways to pad are one."""
    given, x = torch_models.signal(), numbers.sequences()
    return nnparity.port(given, keras_models.signal(given, fault), np.concatenate([x, x[:, :1]], axis=1))


def _channels_last() -> Any:
    images = numbers.image()
    return nnparity.port(torch_models.cnn(), keras_models.cnn(), images, b_inputs=images.transpose(0, 2, 3, 1))


PORTS: dict[str, Port] = {
    "bert": _bert(),
    **{f"bert, {fault}": _bert(fault) for fault in FAULTS},
    "bert in training": _training,
    **{
        f"{name} called in training": partial(_called_in_training, partial(keras_models.dropping, name))
        for name in keras_models.DROPPING
    },
    "bert in float16": _bert(dtype="float16"),
    "bert in bfloat16": _bert(dtype="bfloat16"),
    "bert in bfloat16, large epsilon": _bert("large epsilon", "bfloat16"),
    "bert to bfloat16": _bert(other="bfloat16"),
    "cnn": _channels_last,
    "cnn, transposed": _cnn("cnn", "transposed_cnn"),
    "cnn, unpermuted": _cnn("cnn", "unpermuted_cnn"),
    "cnn of functions": _cnn("functional_cnn", "with_images"),
    "cnn of channels first": _cnn("channels_first_cnn", "with_images"),
    "images": _cnn("images", "images"),
    "images, epsilon": lambda: nnparity.port(torch_models.images(), keras_models.images("epsilon"), numbers.image()),
    "residual": _residual,
    "signal": _signal,
    "signal, padding": partial(_signal, "padding"),
    "lstm": lambda: nnparity.port(torch_models.lstm(), keras_models.lstm(), numbers.sequences()),
    "lstm in training": _lstm_in_training,
    "lstm, time first": lambda: nnparity.port(
        torch_models.states(), torch_models.states(batch_first=False), numbers.sequences()
    ),
    "lstm, gates": lambda: nnparity.port(torch_models.lstm(), keras_models.lstm("gates"), numbers.sequences()),
    "gru": _gru,
    **{f"gru, {fault}": partial(_gru, fault) for fault in ("gates", "reset")},
    "classes": _classes,
    "classes, softmax": partial(_classes, "softmax"),
    "attention": lambda: nnparity.port(torch_models.attention(), keras_models.attention(), numbers.attended()),
    "attention, heads": lambda: nnparity.port(
        torch_models.attention(), keras_models.attention("heads"), numbers.attended()
    ),
}


def told(name: str) -> dict[str, Any]:
    """What the result says."""
    found = PORTS[name]()
    first = found.first
    return {
        "conforms": bool(found),
        "headline": found.headline,
        "pairs": len(found.pairs),
        "departures": len(found.departures),
        "a": first.a if first else "",
        "b": first.b if first else "",
        "kind": first.kind if first else "",
        "why": list(first.why) if first else [],
    }


def main() -> None:
    """A line of JSON for each."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps({line.strip(): told(line.strip())}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
