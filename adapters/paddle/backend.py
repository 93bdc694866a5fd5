"""PaddlePaddle on the CPU, operation by operation: what its kernels there do not take, in its own words.

How it differentiates is in `arrays`.
"""

from types import MappingProxyType

from nnparity.adapters.paddle.arrays import PaddleArrays
from nnparity.adapters.paddle.layers import PaddleLayers
from nnparity.adapters.paddle.losses import PaddleLosses
from nnparity.adapters.paddle.models import PaddleModels
from nnparity.adapters.paddle.optimizers import PaddleOptimizers
from nnparity.adapters.paddle.sequences import PaddleSequences
from nnparity.spec import load

NO_TRAINING = "the adapter has single steps of Paddle's optimisers, and no training runs"
UNSUPPORTED = {
    "adam_eps_hat": "paddle.optimizer.Adam has the paper's form only",
    **dict.fromkeys(("train_mlp", "train_cnn", "train_lstm", "train_gan"), NO_TRAINING),
}
ONCE = "the gradient of one of its kernels has no derivative in Paddle"
#: Those of softmax, means, norms, GELU, layer normalisation, embedding, flatten and the LSTM.
WITHOUT_SECOND = (
    *("*attention", "softmax", "*cross_entropy*", "gan_*", "l1_penalty", "gelu", "layer_norm", "embedding", "flatten"),
    *("lstm", "lstm_last", "lstm_stacked", "listing_bert", "listing_cnn", "listing_gan", "listing_lstm"),
)
NO_HALF = "Paddle's CPU has no kernel for it in half precision"
#: Narrow dtype -> the formulas of which it has one.
WITH_HALF = {
    "float16": ("avg_pool2d", "avg_pool2d_literal", "embedding", "flatten", "max_pool2d"),
    "bfloat16": ("embedding", "flatten"),
}
#: Of those the ones that it differentiates once only.
POOLS = (("avg_pool2d*", "float16"), ("max_pool2d", "*"))


class PaddleAdapter(PaddleLayers, PaddleSequences, PaddleLosses, PaddleOptimizers, PaddleModels, PaddleArrays):
    """Formulas as PaddlePaddle computes them."""

    backend = "paddle"
    packages = ("paddlepaddle",)
    unsupported = MappingProxyType(UNSUPPORTED)
    refused = MappingProxyType(
        {
            **{
                (id, dtype, "*", "cpu:*"): NO_HALF
                for dtype, able in WITH_HALF.items()
                for id, formula in load().items()
                if id not in (*able, *UNSUPPORTED) and dtype in formula.dtypes
            },
            **{(id, "*", family, "cpu:*"): ONCE for id in WITHOUT_SECOND for family in ("jvp*", "hvp*")},
            **{(id, dtype, "jvp*", "cpu:*"): ONCE for id, dtype in POOLS},
        }
    )
