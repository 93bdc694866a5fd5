"""ONNX Runtime on the CPU: graphs optimised as its users run them, or as they are written.

How graphs are run is in `arrays`. What it has no kernel for, in a dtype, stands below: it says so itself.
"""

from types import MappingProxyType

from nnparity.adapters.onnxruntime.arrays import FORWARD_ONLY, OnnxRuntimeArrays
from nnparity.adapters.onnxruntime.layers import OnnxLayers
from nnparity.adapters.onnxruntime.losses import OnnxLosses
from nnparity.adapters.onnxruntime.models import OnnxModels
from nnparity.adapters.onnxruntime.sequences import OnnxSequences
from nnparity.spec import load

#: What is made of gradients.
TRAINING = (
    "mlp_backprop",
    "gradient_descent",
    "minibatch_gradient_descent",
    "adam",
    "adam_eps_hat",
    "train_mlp",
    "train_cnn",
    "train_lstm",
    "train_gan",
)
#: What of ONNX Runtime's CPU provider knows bfloat16.
WITH_BFLOAT16 = ("embedding", "flatten", "layer_norm")
NO_BFLOAT16 = "ONNX Runtime's CPU provider has no bfloat16 kernel for it"
NO_FLOAT64 = "ONNX Runtime's CPU provider has no float64 kernel for it"
#: In words: the operators are Gelu (its Erf), Conv, AveragePool, LSTM and Softplus.
WITHOUT_FLOAT64 = (
    "gelu",
    "conv2d",
    "avg_pool2d*",
    "lstm*",
    "listing_cnn",
    "listing_lstm",
    "listing_gan",
    "listing_bert",
)


class OnnxRuntimeAdapter(OnnxLayers, OnnxSequences, OnnxLosses, OnnxModels, OnnxRuntimeArrays):
    """Formulas as ONNX Runtime computes them."""

    backend = "onnxruntime"
    packages = ("onnxruntime", "onnx")
    unsupported = MappingProxyType(dict.fromkeys(TRAINING, FORWARD_ONLY))
    refused = MappingProxyType(
        {
            **{(id, "float64", "output*", "cpu:*"): NO_FLOAT64 for id in WITHOUT_FLOAT64},
            **{
                (id, "bfloat16", "output*", "cpu:*"): NO_BFLOAT16
                for id, formula in load().items()
                if id not in (*TRAINING, *WITH_BFLOAT16) and "bfloat16" in formula.dtypes
            },
        }
    )
