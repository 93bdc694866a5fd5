"""tinygrad on the CPU: graphs that it compiles with clang, or with LLVM where there is no clang.

How it differentiates is in `arrays`.
"""

from types import MappingProxyType

from nnparity.adapters.tinygrad.arrays import TinygradArrays
from nnparity.adapters.tinygrad.layers import TinygradLayers
from nnparity.adapters.tinygrad.losses import TinygradLosses
from nnparity.adapters.tinygrad.models import TinygradModels
from nnparity.adapters.tinygrad.optimizers import TinygradOptimizers
from nnparity.adapters.tinygrad.sequences import TinygradSequences

SLOW = "not asked: tinygrad takes minutes to make the programs of a case"
#: Formulas of which the adapter has methods that right answers came of, and no whole run.
TOO_SLOW = ("lstm_step", "lstm", "lstm_last", "lstm_stacked", "listing_cnn", "listing_lstm", "listing_bert")
NO_TRAINING = "the adapter has single steps of tinygrad's optimisers, and no training runs"


class TinygradAdapter(
    TinygradLayers, TinygradSequences, TinygradLosses, TinygradOptimizers, TinygradModels, TinygradArrays
):
    """Formulas as tinygrad computes them."""

    backend = "tinygrad"
    packages = ("tinygrad",)
    modes = ("lazy",)
    unsupported = MappingProxyType(
        {
            "adam_eps_hat": "tinygrad.nn.optim.Adam has the paper's form only",
            **dict.fromkeys(TOO_SLOW, SLOW),
            **dict.fromkeys(("train_mlp", "train_cnn", "train_lstm", "train_gan"), NO_TRAINING),
        }
    )
