"""The primer's listings as graphs of ONNX's operators."""

from typing import Any

from nnparity.adapters.kernel import composed
from nnparity.adapters.onnxruntime.layers import normalized
from nnparity.adapters.onnxruntime.losses import mean
from nnparity.adapters.onnxruntime.operators import onnx
from nnparity.adapters.onnxruntime.sequences import GATE_ORDER, attended, rows, stacked

NO_LAYERS = "a model in ONNX is a graph of its operators"
CNN = "ai.onnx.Conv, ai.onnx.Relu, ai.onnx.MaxPool, ai.onnx.Transpose, ai.onnx.Flatten, ai.onnx.Gemm"
BERT = "ai.onnx.Gather, +, ai.onnx.LayerNormalization, ai.onnx.MatMul, ai.onnx.Attention, ai.onnx.Gelu"


class OnnxModels:
    """The listings, as methods for `OnnxRuntimeAdapter`."""

    @composed("ai.onnx.MatMul, +, ai.onnx.Tanh, ai.onnx.Sigmoid, ai.onnx.Concat", because=NO_LAYERS)
    def listing_mlp_literal(self, x: Any, w: Any, b: Any) -> Any:
        return both(both(x @ w + b) @ w + b)

    @composed("ai.onnx.Gemm, ai.onnx.Tanh, ai.onnx.Sigmoid", because=NO_LAYERS)
    def listing_mlp(self, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return onnx.Sigmoid(onnx.Gemm(onnx.Tanh(onnx.Gemm(x, w1, b1)), w2, b2))

    @composed(f"{CNN}, ai.onnx.Softmax, ai.onnx.SoftmaxCrossEntropyLoss", because=NO_LAYERS)
    def listing_cnn(self, x: Any, labels: Any, **p: Any) -> Any:
        logits = convolutional(x, list(p.values()))
        return onnx.Softmax(logits), onnx.SoftmaxCrossEntropyLoss(logits, labels)

    @composed("ai.onnx.LSTM, ai.onnx.Gemm, -, ai.onnx.ReduceSumSquare, /", because=NO_LAYERS, convention=GATE_ORDER)
    def listing_lstm(self, x: Any, t: Any, **p: Any) -> Any:
        weights = list(p.values())
        y = onnx.Gemm(
            stacked(x, (weights[0], weights[1], weights[2]), (weights[3], weights[4], weights[5])),
            *weights[6:],
            transB=1,
        )
        return y, onnx.ReduceSumSquare(y - t, keepdims=0) / len(t)

    @composed(
        "ai.onnx.Gemm, ai.onnx.Tanh, ai.onnx.Softplus, ai.onnx.ReduceMean, +",
        because=NO_LAYERS,
        convention="the logarithm of a sigmoid is minus the softplus of minus the logit",
    )
    def listing_gan(self, x: Any, z: Any, **p: Any) -> Any:
        weights = list(p.values())
        made = perceptron(z, *weights[:4])
        real, fake = (perceptron(samples, *weights[4:]) for samples in (x, made))
        return made, mean(onnx.Softplus(-real)) + mean(onnx.Softplus(fake)), mean(onnx.Softplus(-fake))

    @composed(BERT, because=NO_LAYERS)
    def listing_bert(
        self,
        ids: Any,
        mask: Any,
        types: Any,
        words: Any,
        positions: Any,
        segments: Any,
        gamma: Any,
        beta: Any,
        *,
        heads: int,
        eps: float,
        padding: int,
        padded: bool,
        **weights: Any,
    ) -> Any:
        h = onnx.Gather(words, ids) + onnx.Gather(segments, types)
        h = normalized(h + onnx.Slice(positions, [0], [ids.shape[1]]), gamma, beta, eps)
        keep = rows(mask, ids.shape[1]) if padded else None
        for number in range(len(weights["w1"])):
            h = encoded(h, {name: onnx.Gather(w, number) for name, w in weights.items()}, keep, heads, eps)
        return h


def both(x: Any) -> Any:
    """The two activations of listing 4.1, along a new first axis."""
    return onnx.Concat(*(onnx.Unsqueeze(f(x), [0]) for f in (onnx.Tanh, onnx.Sigmoid)), axis=0)


def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Two dense layers with tanh between them; weights are (out, in)."""
    return onnx.Gemm(onnx.Tanh(onnx.Gemm(x, w1, b1, transB=1)), w2, b2, transB=1)


def convolutional(x: Any, p: list[Any]) -> Any:
    """Listing 4.2 up to the logits; the maps are flattened channels last."""
    for number, pooled in ((0, True), (2, True), (4, False)):
        x = onnx.Relu(onnx.Conv(x, *p[number : number + 2]))
        x = onnx.MaxPool(x, kernel_shape=[2, 2], strides=[2, 2]) if pooled else x
    x = onnx.Flatten(onnx.Transpose(x, perm=[0, 2, 3, 1]))
    return onnx.Gemm(onnx.Relu(onnx.Gemm(x, *p[6:8], transB=1)), *p[8:], transB=1)


def encoded(h: Any, w: dict[str, Any], mask: Any, heads: int, eps: float) -> Any:
    """One layer of BERT's encoder."""
    q, k, v = (h @ w[f"w{x}"] + w[f"b{x}"] for x in "qkv")
    h = normalized(h + (attended(q, k, v, heads, mask) @ w["wo"] + w["bo"]), w["gamma1"], w["beta1"], eps)
    inner = onnx.Gelu(h @ w["w1"] + w["b1"])
    return normalized(h + (inner @ w["w2"] + w["b2"]), w["gamma2"], w["beta2"], eps)
