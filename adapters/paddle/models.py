"""The primer's listings in PaddlePaddle's functions and layers."""

from typing import Any

import paddle
from paddle.nn import functional as F

from nnparity.adapters.kernel import composed
from nnparity.adapters.paddle.sequences import GATE_ORDER, multi_headed, recurrent
from nnparity.adapters.shared.bert import of_layer

LAYERS = "the listing's model is made of layers"


class PaddleModels:
    """The listings, as methods for `PaddleAdapter`."""

    @composed("@, +, paddle.tanh, paddle.nn.functional.sigmoid, paddle.stack", because="no layer has two activations")
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        return both(both(x @ w + b) @ w + b)

    @composed(
        "paddle.nn.functional.linear, paddle.tanh, paddle.nn.functional.sigmoid",
        because=LAYERS,
        convention="matrices are (in, out), as the listing's",
    )
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return F.sigmoid(F.linear(paddle.tanh(F.linear(x, w1, b1)), w2, b2))

    @composed(
        "paddle.nn.functional.conv2d, paddle.nn.functional.relu, paddle.nn.functional.max_pool2d, "
        "paddle.nn.functional.linear, paddle.nn.functional.softmax, paddle.nn.functional.cross_entropy",
        because=LAYERS,
    )
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        logits = convolutional(x, list(p.values()))
        return F.softmax(logits), F.cross_entropy(logits, labels)

    @composed(
        "paddle.nn.LSTM, paddle.nn.functional.linear, paddle.nn.functional.mse_loss",
        because=LAYERS,
        convention=GATE_ORDER,
    )
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        weights = list(p.values())
        _, (last, _) = recurrent(x, None, tuple(weights[:3]), tuple(weights[3:6]))
        y = F.linear(last[1], weights[6].T, weights[7])
        return y, F.mse_loss(y, t)

    @composed(
        "paddle.nn.functional.linear, paddle.tanh, paddle.nn.functional.binary_cross_entropy_with_logits",
        because=LAYERS,
    )
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = list(p.values())
        made = perceptron(z, *weights[:4])
        real, fake = (perceptron(samples, *weights[4:])[:, 0] for samples in (x, made))
        return made, towards(real, 1) + towards(fake, 0), towards(fake, 1)

    @composed(
        "paddle.nn.functional.embedding, +, paddle.nn.functional.layer_norm, paddle.nn.MultiHeadAttention, "
        "paddle.nn.functional.linear, paddle.nn.functional.gelu",
        because=LAYERS,
        convention="a row of the embedding that is told as padding would count as zeros: it is not told",
    )
    def listing_bert(self, *, heads: int, eps: float, padding: int, padded: bool, **p: Any) -> Any:
        fixed = (paddle.arange(len(p["words"])) == padding)[:, None]
        words = paddle.where(fixed, p["words"].detach(), p["words"])
        h = F.embedding(p["ids"], words) + F.embedding(p["types"], p["segments"])
        h = h + p["positions"][: h.shape[1]]
        h = F.layer_norm(h, h.shape[-1:], p["gamma"], p["beta"], eps)
        keep = p["mask"].astype("bool")[:, None, None] if padded else None
        for number in range(len(p["w1"])):
            h = encoded(h, of_layer(p, number), keep, heads, eps)
        return h


def both(x: Any) -> Any:
    """The two activations of listing 4.1, along a new first axis."""
    return paddle.stack((paddle.tanh(x), F.sigmoid(x)))


def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Two dense layers with tanh between them; weights are (out, in)."""
    return F.linear(paddle.tanh(F.linear(x, w1.T, b1)), w2.T, b2)


def towards(logits: Any, label: int) -> Any:
    """The cross-entropy of the discriminator's logits against all ones or all zeros."""
    return F.binary_cross_entropy_with_logits(logits, paddle.full_like(logits, label))


def convolutional(x: Any, p: list[Any]) -> Any:
    """Listing 4.2 up to the logits; the maps are flattened channels last."""
    for number, pooled in ((0, True), (2, True), (4, False)):
        x = F.relu(F.conv2d(x, p[number], p[number + 1]))
        x = F.max_pool2d(x, 2) if pooled else x
    x = x.transpose([0, 2, 3, 1]).flatten(1)
    return F.linear(F.relu(F.linear(x, p[6].T, p[7])), p[8].T, p[9])


def encoded(h: Any, w: dict[str, Any], keep: Any, heads: int, eps: float) -> Any:
    """One layer of BERT's encoder."""
    joined = multi_headed(h, [(w[f"w{x}"], w[f"b{x}"]) for x in "qkvo"], heads, keep)
    h = F.layer_norm(h + joined, h.shape[-1:], w["gamma1"], w["beta1"], eps)
    inner = F.gelu(F.linear(h, w["w1"], w["b1"]))
    return F.layer_norm(h + F.linear(inner, w["w2"], w["b2"]), h.shape[-1:], w["gamma2"], w["beta2"], eps)
