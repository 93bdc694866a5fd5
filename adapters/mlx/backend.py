"""MLX on the CPU, operation by operation as its arrays are evaluated. How it differentiates is in `arrays`."""

from types import MappingProxyType

from nnparity.adapters.mlx.arrays import MlxArrays
from nnparity.adapters.mlx.layers import MlxLayers
from nnparity.adapters.mlx.losses import MlxLosses
from nnparity.adapters.mlx.models import MlxModels
from nnparity.adapters.mlx.optimizers import MlxOptimizers
from nnparity.adapters.mlx.sequences import MlxSequences

NO_TRAINING = "the adapter has single steps of MLX's optimisers, and no training runs"


class MlxAdapter(MlxLayers, MlxSequences, MlxLosses, MlxOptimizers, MlxModels, MlxArrays):
    """Formulas as MLX computes them."""

    backend = "mlx"
    packages = ("mlx",)
    modes = ("lazy",)
    unsupported = MappingProxyType(
        {
            "adam_eps_hat": "mlx.optimizers.Adam has the paper's form only",
            **dict.fromkeys(("train_mlp", "train_cnn", "train_lstm", "train_gan"), NO_TRAINING),
        }
    )
    refused = MappingProxyType(
        {(id, "*", "jvp*", "cpu:*"): "MLX has no forward mode for a convolution" for id in ("conv2d", "listing_cnn")}
    )
