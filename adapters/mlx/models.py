"""The primer's listings in MLX's layers."""

from typing import Any

import mlx.core as mx
from mlx import nn

from nnparity.adapters.kernel import composed
from nnparity.adapters.mlx.layers import linear, looked_up
from nnparity.adapters.mlx.sequences import GATE_ORDER, multi_headed, stacked
from nnparity.adapters.shared.bert import of_layer
from nnparity.adapters.shared.layouts import NHWC

LAYERS = "the listing's model is made of layers"


class MlxModels:
    """The listings, as methods for `MlxAdapter`."""

    @composed("@, +, mlx.core.tanh, mlx.core.sigmoid, mlx.core.stack", because="no layer has two activations")
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        return both(both(x @ w + b) @ w + b)

    @composed("mlx.nn.Linear, mlx.core.tanh, mlx.core.sigmoid", because=LAYERS)
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return mx.sigmoid(perceptron(x, w1.T, b1, w2.T, b2))

    @composed(
        "mlx.core.conv2d, +, mlx.nn.relu, mlx.nn.MaxPool2d, mlx.nn.Linear, mlx.core.softmax, "
        "mlx.nn.losses.cross_entropy",
        because=LAYERS,
    )
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        logits = convolutional(x, list(p.values()))
        return mx.softmax(logits, axis=-1), nn.losses.cross_entropy(logits, labels, reduction="mean")

    @composed("mlx.nn.LSTM, mlx.nn.Linear, mlx.nn.losses.mse_loss", because=LAYERS, convention=GATE_ORDER)
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        weights = list(p.values())
        y = linear(stacked(x, tuple(weights[:3]), tuple(weights[3:6])), *weights[6:])
        return y, nn.losses.mse_loss(y, t)

    @composed("mlx.nn.Linear, mlx.core.tanh, mlx.nn.losses.binary_cross_entropy", because=LAYERS)
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = list(p.values())
        made = perceptron(z, *weights[:4])
        real, fake = (perceptron(samples, *weights[4:])[:, 0] for samples in (x, made))
        return made, towards(real, 1) + towards(fake, 0), towards(fake, 1)

    @composed(
        "mlx.nn.Embedding, +, mlx.core.fast.layer_norm, mlx.nn.MultiHeadAttention, mlx.nn.Linear, mlx.nn.gelu",
        because="MLX's encoder layer has no biases in its attention",
    )
    def listing_bert(self, *, heads: int, eps: float, padding: int, padded: bool, **p: Any) -> Any:
        fixed = (mx.arange(len(p["words"])) == padding)[:, None]
        words = mx.where(fixed, mx.stop_gradient(p["words"]), p["words"])
        h = looked_up(p["ids"], words) + looked_up(p["types"], p["segments"])
        h = mx.fast.layer_norm(h + p["positions"][: h.shape[1]], p["gamma"], p["beta"], eps)
        keep = p["mask"].astype(mx.bool_)[:, None, None] if padded else None
        for number in range(len(p["w1"])):
            h = encoded(h, of_layer(p, number), keep, heads, eps)
        return h


def both(x: Any) -> Any:
    """The two activations of listing 4.1, along a new first axis."""
    return mx.stack([mx.tanh(x), mx.sigmoid(x)])


def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Two dense layers with tanh between them; weights are (out, in)."""
    return linear(mx.tanh(linear(x, w1, b1)), w2, b2)


def towards(logits: Any, label: int) -> Any:
    """The cross-entropy of the discriminator's logits against all ones or all zeros."""
    return nn.losses.binary_cross_entropy(logits, mx.full(logits.shape, label, logits.dtype))


def convolutional(x: Any, p: list[Any]) -> Any:
    """Listing 4.2 up to the logits: MLX's images are channels last, and so are the maps that are flattened."""
    x = x.transpose(*NHWC)
    for number, pooled in ((0, True), (2, True), (4, False)):
        x = nn.relu(mx.conv2d(x, p[number].transpose(*NHWC)) + p[number + 1])
        x = nn.MaxPool2d(2, 2)(x) if pooled else x
    return linear(nn.relu(linear(x.flatten(1), *p[6:8])), *p[8:])


def encoded(h: Any, w: dict[str, Any], keep: Any, heads: int, eps: float) -> Any:
    """One layer of BERT's encoder."""
    joined = multi_headed(h, [(w[f"w{x}"], w[f"b{x}"]) for x in "qkvo"], heads, keep)
    h = mx.fast.layer_norm(h + joined, w["gamma1"], w["beta1"], eps)
    inner = nn.gelu(linear(h, w["w1"].T, w["b1"]))
    return mx.fast.layer_norm(h + linear(inner, w["w2"].T, w["b2"]), w["gamma2"], w["beta2"], eps)
