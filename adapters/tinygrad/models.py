"""The primer's listings in tinygrad, whose models are functions of its tensors."""

from typing import Any

from tinygrad import Tensor

from nnparity.adapters.kernel import composed
from nnparity.adapters.shared.bert import of_layer
from nnparity.adapters.tinygrad.layers import looked_up, normalized
from nnparity.adapters.tinygrad.sequences import GATE_ORDER, attended, stacked

PLAIN = "models in tinygrad are functions of its tensors"
CNN = "tinygrad.Tensor.conv2d, tinygrad.Tensor.relu, tinygrad.Tensor.max_pool2d, tinygrad.Tensor.linear"


class TinygradModels:
    """The listings, as methods for `TinygradAdapter`."""

    @composed("@, +, tinygrad.Tensor.tanh, tinygrad.Tensor.sigmoid, tinygrad.Tensor.stack", because=PLAIN)
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        return both(both(x @ w + b) @ w + b)

    @composed("tinygrad.Tensor.linear, tinygrad.Tensor.tanh, tinygrad.Tensor.sigmoid", because=PLAIN)
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return x.linear(w1, b1).tanh().linear(w2, b2).sigmoid()

    @composed(f"{CNN}, tinygrad.Tensor.softmax, tinygrad.Tensor.sparse_categorical_crossentropy", because=PLAIN)
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        logits = convolutional(x, list(p.values()))
        return logits.softmax(), logits.sparse_categorical_crossentropy(labels)

    @composed(
        "tinygrad.nn.LSTMCell, tinygrad.Tensor.linear, -, tinygrad.Tensor.square, tinygrad.Tensor.mean",
        because=PLAIN,
        convention=GATE_ORDER,
    )
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        weights = list(p.values())
        y = stacked(x, tuple(weights[:3]), tuple(weights[3:6])).linear(weights[6].transpose(), weights[7])
        return y, (y - t).square().mean()

    @composed("tinygrad.Tensor.linear, tinygrad.Tensor.tanh, tinygrad.Tensor.binary_crossentropy_logits", because=PLAIN)
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = list(p.values())
        made = perceptron(z, *weights[:4])
        real, fake = (perceptron(samples, *weights[4:])[:, 0] for samples in (x, made))
        return made, towards(real, 1) + towards(fake, 0), towards(fake, 1)

    @composed(
        "tinygrad.nn.Embedding, +, tinygrad.nn.LayerNorm, tinygrad.Tensor.linear, "
        "tinygrad.Tensor.scaled_dot_product_attention, tinygrad.Tensor.gelu",
        because=PLAIN,
    )
    def listing_bert(self, *, heads: int, eps: float, padding: int, padded: bool, **p: Any) -> Any:
        fixed = (Tensor.arange(len(p["words"])) == padding).unsqueeze(1)
        words = fixed.where(p["words"].detach(), p["words"])
        h = looked_up(p["ids"], words) + looked_up(p["types"], p["segments"])
        h = normalized(h + p["positions"][: h.shape[1]], p["gamma"], p["beta"], eps)
        keep = p["mask"].bool().unsqueeze(1).unsqueeze(1) if padded else None
        for number in range(len(p["w1"])):
            own = of_layer(p, number)
            h = encoded(h, own, keep, heads, eps).contiguous()  # otherwise it is computed anew in all that follows
        return h


def both(x: Any) -> Any:
    """The two activations of listing 4.1, along a new first axis."""
    return Tensor.stack(x.tanh(), x.sigmoid())


def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Two dense layers with tanh between them; weights are (out, in)."""
    return x.linear(w1.transpose(), b1).tanh().linear(w2.transpose(), b2)


def towards(logits: Any, label: int) -> Any:
    """The cross-entropy of the discriminator's logits against all ones or all zeros."""
    return logits.binary_crossentropy_logits(Tensor.full_like(logits, label))


def convolutional(x: Any, p: list[Any]) -> Any:
    """Listing 4.2 up to the logits; the maps are flattened channels last."""
    x = x.conv2d(*p[:2]).relu().max_pool2d()
    x = x.conv2d(*p[2:4]).relu().max_pool2d()
    x = x.conv2d(*p[4:6]).relu().permute(0, 2, 3, 1).flatten(1)
    return x.linear(p[6].transpose(), p[7]).relu().linear(p[8].transpose(), p[9])


def encoded(h: Any, w: dict[str, Any], keep: Any, heads: int, eps: float) -> Any:
    """One layer of BERT's encoder."""
    q, k, v = (h.linear(w[f"w{x}"], w[f"b{x}"]) for x in "qkv")
    joined = attended(q, k, v, heads, keep).linear(w["wo"], w["bo"])
    h = normalized(h + joined, w["gamma1"], w["beta1"], eps)
    inner = h.linear(w["w1"], w["b1"]).gelu("none")
    return normalized(h + inner.linear(w["w2"], w["b2"]), w["gamma2"], w["beta2"], eps)
