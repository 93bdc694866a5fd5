"""Keras's layers as formulas of the spec, on any backend: what each computes, its parameters, and its layout."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import config, layers

from nnparity.adapters.capture.layer import FLATTEN, IDENTITY, RANDOM
from nnparity.adapters.capture.reading import NO_PADS, Reading, same_padding
from nnparity.adapters.function import to_numpy
from nnparity.adapters.request import Array
from nnparity.spec import DTYPES

LAST = "channels_last"
#: Formulas to which the order of axes is all the same: their images are told channels first, like all others.
ELEMENTWISE = (IDENTITY, "relu", "tanh", "sigmoid", "gelu", "silu")
#: Ranks of sequences, images and volumes; an array of NumPy's has no more than 64 axes.
MORE_THAN_ROWS = range(3, 65)
#: Activations of Keras by name -> formula and settings.
ACTIVATIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "linear": (IDENTITY, {}),
    "relu": ("relu", {}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "gelu": ("gelu", {"kind": "exact"}),
    "silu": ("silu", {}),
    "softmax": ("softmax", {"axis": -1}),
    "log_softmax": ("log_softmax", {"axis": -1}),
}


def array(variable: Any, dtype: str) -> Array:
    """A parameter's numbers in the dtype that the layer computes in, as they are now."""
    found = to_numpy(getattr(variable, "value", variable))
    assert found is not None
    return np.array(found.astype(DTYPES[dtype].numpy) if dtype in DTYPES else found)


def activation(function: Any) -> Reading:
    """An activation function, alone or that of another layer."""
    name = getattr(function, "__name__", type(function).__name__)
    if name not in ACTIVATIONS or not str(getattr(function, "__module__", "")).startswith("keras."):
        return Reading(note=f"the activation {name}")
    kind, settings = ACTIVATIONS[name]
    return Reading(kind, settings=settings)


def _moved(source: int, to: int, ranks: Container[int]) -> Callable[[str, Array], Array]:
    return lambda name, x: np.moveaxis(x, source, to) if x.ndim in ranks else x


def channels_last(layer: Any) -> bool:
    """Whether its images lie so, as they do as a rule."""
    return bool(getattr(layer, "data_format", LAST) == LAST)


def imaged(read: Reading, ranks: Container[int] = (4,)) -> Reading:
    """The reading of a layer that takes images, or arrays of these ranks, with the channels last, if it takes such."""
    return replace(read, ours=_moved(-1, 1, ranks), theirs=_moved(1, -1, ranks))


def _of_images(layer: Any, read: Reading) -> Reading:
    return imaged(read, ranks(layer)) if channels_last(layer) else read


def ranks(layer: Any) -> Container[int]:
    """Of the arrays that have the channels last where the layer has them so."""
    return (3,) if isinstance(layer, layers.Conv1D) else (4,)


def _dense(layer: Any) -> Reading:
    weights = {"w": array(layer.kernel, layer.compute_dtype).T}
    return Reading("dense", weights | _bias(layer))


def _bias(layer: Any) -> dict[str, Array]:
    return {"b": array(layer.bias, layer.compute_dtype)} if layer.use_bias else {}


def _convolution(layer: Any) -> Reading:
    """Along one axis or two."""
    axes = len(layer.strides)
    if layer.groups != 1 or set(layer.dilation_rate) != {1}:
        return _of_images(layer, Reading(note="a convolution with groups or dilation"))
    weights = {"w": np.moveaxis(array(layer.kernel, layer.compute_dtype), (-1, -2), (0, 1))} | _bias(layer)
    size = weights["w"].shape[2:]
    settings = {"strides": tuple(layer.strides), "padding": NO_PADS[:axes]}
    if layer.padding == "causal":
        settings["padding"] = ((size[0] - 1, 0),)
    return _of_images(layer, _padded(layer, Reading(f"conv{axes}d", weights, settings), size))


def _padded(layer: Any, read: Reading, size: Sequence[int]) -> Reading:
    """With what the setting `same` puts around its images, whose size is not known before."""
    if layer.padding != "same":
        return read
    return replace(read, late=lambda inputs: {"padding": same_padding(inputs["x"].shape[2:], size, layer.strides)})


def _pooling(kind: str) -> Callable[[Any], Reading]:
    def read(layer: Any) -> Reading:
        settings: dict[str, Any] = {"size": tuple(layer.pool_size), "strides": tuple(layer.strides)}
        if kind == "max_pool2d":
            settings["padding"] = NO_PADS
        elif layer.padding != "valid":
            return _of_images(layer, Reading(note="a mean with padding"))
        return _of_images(layer, _padded(layer, Reading(kind, settings=settings), layer.pool_size))

    return read


def _layer_norm(layer: Any) -> Reading:
    rank = len(layer.input_spec.shape) if getattr(layer, "input_spec", None) and layer.input_spec.shape else 0
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if [axis - rank if axis >= 0 else axis for axis in axes] != [-1] or not layer.scale:
        return Reading(note="over other axes than the last, or without a scale")
    gamma = array(layer.gamma, layer.compute_dtype)
    beta = array(layer.beta, layer.compute_dtype) if layer.center else np.zeros_like(gamma)
    return Reading("layer_norm", {"gamma": gamma, "beta": beta}, {"eps": float(layer.epsilon)})


def _rms_norm(layer: Any) -> Reading:
    if layer.axis not in (-1, [-1]):
        return Reading(note="over other axes than the last")
    return Reading("rms_norm", {"gamma": array(layer.scale, layer.compute_dtype)}, {"eps": float(layer.epsilon)})


def _global_pooling(layer: Any) -> Reading:
    return _of_images(layer, Reading("global_avg_pool2d", settings={"keep": bool(layer.keepdims)}))


def _batch_norm(layer: Any) -> Reading:
    if not layer.scale or not layer.center or layer.axis not in (-1, 3):
        return Reading(note="a batch normalisation without scale or shift, or over another axis")
    named = {
        "gamma": layer.gamma,
        "beta": layer.beta,
        "mean": layer.moving_mean,
        "variance": layer.moving_variance,
    }
    weights = {name: array(one, layer.compute_dtype) for name, one in named.items()}
    return imaged(Reading("batch_norm", weights, {"eps": float(layer.epsilon)}), MORE_THAN_ROWS)


def _embedding(layer: Any) -> Reading:
    table = {"table": array(layer.embeddings, layer.compute_dtype)}
    return Reading("embedding", table, inputs=("ids",), ours=_whole_ids)


def _whole_ids(name: str, x: Array) -> Array:
    """An input of no dtype of its own is float32; Keras casts ids that are floats."""
    return x.astype(np.int64) if name == "ids" else x


def _flatten(layer: Any) -> Reading:
    """Channels last in either format: Keras turns what has the channels first before it flattens."""
    read = Reading(FLATTEN, late=lambda inputs: {"order": "nhwc" if inputs["x"].ndim == 4 else "nchw"})
    if channels_last(layer):
        return imaged(read)
    return replace(
        read,
        ours=lambda name, x: np.moveaxis(x, 1, -1) if x.ndim > 2 and x.ndim != 4 else x,
        theirs=lambda name, x: np.moveaxis(x, -1, 1) if x.ndim > 2 and x.ndim != 4 else x,
    )


def _relu(layer: Any) -> Reading:
    settings = {"slope": float(layer.negative_slope)} if layer.negative_slope else {}
    if layer.threshold:
        return Reading(note="a ReLU with a threshold")
    if layer.max_value is not None:
        settings["ceiling"] = float(layer.max_value)
    return Reading("relu", settings=settings)


def _softmax(layer: Any) -> Reading:
    if not isinstance(layer.axis, int):
        return Reading(note="a softmax over several axes")
    axis = layer.axis
    return Reading(
        "softmax", late=lambda inputs: {"axis": axis - inputs["x"].ndim if axis >= 0 else axis}, inputs=("x",)
    )


def _gates(side_by_side: Array, order: Sequence[int] = (0, 1, 3, 2)) -> Array:
    """(k, g m) to (g, m, k), the gates in our order: of an LSTM i, f, c, o in Keras and i, f, o, c in ours."""
    parts = np.split(side_by_side, len(order), axis=-1)
    return np.stack([parts[one].T for one in order])


def _usual(layer: Any) -> bool:
    """Whether a recurrent layer is what the formula says: by its activations, forwards, from states of its own."""
    names = [getattr(one, "__name__", "") for one in (layer.activation, layer.recurrent_activation)]
    return names == ["tanh", "sigmoid"] and not layer.go_backwards and not layer.stateful


def _gru(layer: Any) -> Reading:
    """Keras has its gates in the order z, r, n, and two biases where the reset gate comes behind the product."""
    if not _usual(layer):
        return Reading(note="a GRU with other activations, backwards or stateful")
    cell, dtype = layer.cell, layer.compute_dtype
    order = (1, 0, 2)
    weights = {"wx": _gates(array(cell.kernel, dtype), order), "wh": _gates(array(cell.recurrent_kernel, dtype), order)}
    if cell.use_bias:
        biases = np.atleast_2d(array(cell.bias, dtype))
        weights |= {name: _gates(one, order) for name, one in zip(("b", "bh"), biases, strict=False)}
    settings = {"sequences": bool(layer.return_sequences), "reset": _reset(layer)}
    return Reading("gru", weights, settings, ("x", "h"), ("output", "h_last"))


def _reset(layer: Any) -> str:
    return "behind the product" if layer.reset_after else "before the product"


def _lstm(layer: Any) -> Reading:
    if not _usual(layer):
        return Reading(note="an LSTM with other activations, backwards or stateful")
    cell, dtype = layer.cell, layer.compute_dtype
    weights = {"wx": _gates(array(cell.kernel, dtype)), "wh": _gates(array(cell.recurrent_kernel, dtype))}
    if cell.use_bias:
        weights["b"] = _gates(array(cell.bias, dtype))
    results = ("output", "h_last", "c_last")
    return Reading("lstm", weights, {"sequences": bool(layer.return_sequences)}, ("x", "h", "c"), results)


def _attention(layer: Any) -> Reading:
    named = {"q": layer._query_dense, "k": layer._key_dense, "v": layer._value_dense}
    dtype, outer = layer.compute_dtype, layer._output_dense
    weights: dict[str, Array] = {}
    for name, dense in named.items():
        kernel = array(dense.kernel, dtype)
        weights[f"w{name}"] = kernel.reshape(kernel.shape[0], -1)
        if layer._use_bias:
            weights[f"b{name}"] = array(dense.bias, dtype).ravel()
    kernel = array(outer.kernel, dtype)
    weights["wo"] = kernel.reshape(-1, kernel.shape[-1])
    if layer._use_bias:
        weights["bo"] = array(outer.bias, dtype)
    return Reading("multi_head_attention", weights, {"heads": layer.num_heads}, ("query", "value", "key"))


TABLE: Mapping[type, Callable[[Any], Reading]] = {
    layers.Dense: _dense,
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.MaxPooling2D: _pooling("max_pool2d"),
    layers.AveragePooling2D: _pooling("avg_pool2d"),
    layers.GlobalAveragePooling2D: _global_pooling,
    layers.LayerNormalization: _layer_norm,
    layers.RMSNormalization: _rms_norm,
    layers.BatchNormalization: _batch_norm,
    layers.Embedding: _embedding,
    layers.Flatten: _flatten,
    layers.ReLU: _relu,
    layers.LeakyReLU: lambda layer: Reading("relu", settings={"slope": float(layer.negative_slope)}),
    layers.Softmax: _softmax,
    layers.LSTM: _lstm,
    layers.GRU: _gru,
    layers.MultiHeadAttention: _attention,
    layers.Activation: lambda layer: activation(layer.activation),
    **dict.fromkeys(
        (layers.Identity, layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout),
        lambda layer: Reading(IDENTITY),
    ),
}
DROPS = Reading(RANDOM, note="drops units or adds noise at random: it is called with training=True")
#: Layers that do so in training, and their settings of how much.
DROPPING = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D, layers.AlphaDropout),
    *(layers.GaussianDropout, layers.GaussianNoise, layers.SimpleRNN, layers.GRU, layers.LSTM),
    *(layers.MultiHeadAttention, layers.GroupQueryAttention),
)
CHANCES = ("rate", "stddev", "dropout", "recurrent_dropout", "_dropout")
#: Flags of a call that change nothing of the first result, but for training, which is held against the formula.
HARMLESS = ("training", "return_attention_scores")
#: Layers that are read whole, not by what they are made of.
WHOLE = (layers.RNN, layers.MultiHeadAttention)
#: Layers that only move numbers, or join what several give: what comes out is judged where it goes in.
MOVERS = (
    *(layers.InputLayer, layers.Reshape, layers.Permute, layers.RepeatVector),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D),
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Concatenate),
)
#: Layers whose activation is told as a layer of its own.
ACTIVATED = (layers.Dense, layers.Conv1D, layers.Conv2D)


def called(layer: Any, flags: Mapping[str, Any]) -> Reading:
    """How a layer is read that is called with these keywords; a flag that no formula knows makes another one of it.

    One that is unknown has its parameters as they are, by which its counterpart is found.
    """
    if flags.get("training") and _drops(layer):
        return DROPS
    read = reading(layer)
    if not read.kind:
        own = {str(place): array(one, layer.compute_dtype) for place, one in enumerate(layer.weights)}
        return replace(read, weights=own)
    known = [name for name, value in flags.items() if value is True and name not in HARMLESS]
    return replace(read, kind="", note=f"is called with {', '.join(known)}") if known and read.kind else read


def _drops(layer: Any) -> bool:
    """Whether it does in training; one of a user's own `call` may do anything."""
    return type(layer).call in [kind.call for kind in DROPPING] and any(getattr(layer, name, 0) for name in CHANCES)


def reading(layer: Any) -> Reading:
    """How a layer is read; one whose `call` is not that of the class it stands for is unknown."""
    kind: Any = type(layer)
    base = next((one for one in kind.__mro__ if one in TABLE), None)
    if base is None:
        return Reading()
    if kind.call is not base.call:
        return Reading(note=f"has a call other than that of {base.__name__}")
    read = TABLE[base](layer)
    if read.kind in ELEMENTWISE and config.image_data_format() == LAST:
        return imaged(read)
    return read
