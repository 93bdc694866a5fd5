"""ONNX's operators for losses and penalties: two losses by class, reductions, and logarithms for the others."""

from typing import Any

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.onnxruntime.operators import onnx

NO_LOSS = "ONNX's losses are those of labels"


class OnnxLosses:
    """Losses and penalties, as methods for `OnnxRuntimeAdapter`."""

    @composed("-, *, ai.onnx.ReduceMean", because=NO_LOSS)
    def mse(self, y: Any, t: Any) -> Any:
        return mean((y - t) * (y - t)) * (y.shape[1] / 2)

    @composed("ai.onnx.Log, *, ai.onnx.ReduceMean", because=NO_LOSS)
    def cross_entropy(self, p: Any, t: Any) -> Any:
        return -mean(t * onnx.Log(p)) * p.shape[1]

    @composed("ai.onnx.LogSoftmax, *, ai.onnx.ReduceMean", because=NO_LOSS)
    def cross_entropy_logits(self, z: Any, t: Any) -> Any:
        return -mean(t * onnx.LogSoftmax(z)) * z.shape[1]

    @kernel("ai.onnx.NegativeLogLikelihoodLoss", using=("ai.onnx.Log",))
    def sparse_cross_entropy(self, p: Any, labels: Any) -> Any:
        return onnx.NegativeLogLikelihoodLoss(onnx.Log(p), labels)

    @kernel("ai.onnx.SoftmaxCrossEntropyLoss", convention="the mean over the samples by default")
    def sparse_cross_entropy_logits(self, z: Any, labels: Any) -> Any:
        return onnx.SoftmaxCrossEntropyLoss(z, labels)

    @kernel("ai.onnx.ReduceL1", convention="ONNX has no penalties: the norm is multiplied by λ")
    def l1_penalty(self, w: Any, lam: float) -> Any:
        return onnx.ReduceL1(w, keepdims=0) * lam

    @kernel("ai.onnx.ReduceSumSquare", convention="ONNX has no penalties: the sum is multiplied by λ")
    def l2_penalty(self, w: Any, lam: float) -> Any:
        return onnx.ReduceSumSquare(w, keepdims=0) * lam

    @composed("ai.onnx.Log, ai.onnx.ReduceMean, +, -", because=NO_LOSS)
    def gan_discriminator_loss(self, real: Any, fake: Any) -> Any:
        return -(mean(onnx.Log(real)) + mean(onnx.Log(1 - fake)))

    @composed("ai.onnx.Log, ai.onnx.ReduceMean, -", because=NO_LOSS)
    def gan_generator_minimax(self, fake: Any) -> Any:
        return mean(onnx.Log(1 - fake))

    @composed("ai.onnx.Log, ai.onnx.ReduceMean", because=NO_LOSS)
    def gan_generator_nonsaturating(self, fake: Any) -> Any:
        return -mean(onnx.Log(fake))


def mean(x: Any) -> Any:
    """Over all elements."""
    return onnx.ReduceMean(x, keepdims=0)
