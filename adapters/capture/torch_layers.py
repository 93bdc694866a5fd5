"""PyTorch's modules as formulas of the spec: what each computes, its parameters, and what it is called with."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from nnparity.adapters.capture.layer import FLATTEN, IDENTITY, RANDOM
from nnparity.adapters.capture.reading import NO_PADS, Reading, same_padding
from nnparity.adapters.function import to_numpy
from nnparity.adapters.request import Array

#: Classes of other packages that compute the GELU, by the end of their names, and which.
GELUS = {
    "QuickGELUActivation": "quick",
    "NewGELUActivation": "tanh",
    "FastGELUActivation": "tanh",
    "AccurateGELUActivation": "tanh",
    "PytorchGELUTanh": "tanh",
    "GELUTanh": "tanh",
    "GELUActivation": "exact",
}
DROPS = Reading(RANDOM, note="drops units at random: call eval() before")
#: The states of an LSTM or a GRU have a first axis of layers and directions.
STATES = ("h", "c", "h_last", "c_last")


def array(tensor: Any) -> Array:
    """A parameter's numbers, as they are now."""
    found = to_numpy(tensor.detach())
    assert found is not None
    return found.copy()


def _parameters(**tensors: Any) -> dict[str, Array]:
    return {name: array(tensor) for name, tensor in tensors.items() if tensor is not None}


def _dense(module: Any) -> Reading:
    return Reading("dense", _parameters(w=module.weight, b=module.bias))


def _convolution(module: Any) -> Reading:
    """Along one axis or two."""
    axes = len(module.stride)
    if module.groups != 1 or set(module.dilation) != {1} or module.padding_mode != "zeros":
        return Reading(note="a convolution with groups, dilation or another padding than zeros")
    weights = _parameters(w=module.weight, b=module.bias)
    settings = {"strides": tuple(module.stride), "padding": NO_PADS[:axes]}
    if module.padding == "same":
        size, strides = module.kernel_size, module.stride
        late = partial(_same_padding, size=size, strides=strides)
        return Reading(f"conv{axes}d", weights, settings, late=late)
    if module.padding != "valid":
        settings["padding"] = tuple((one, one) for one in module.padding)
    return Reading(f"conv{axes}d", weights, settings)


def _same_padding(inputs: Mapping[str, Array], size: tuple[int, ...], strides: tuple[int, ...]) -> dict[str, Any]:
    return {"padding": same_padding(inputs["x"].shape[2:], size, strides)}


def _embedding(module: Any) -> Reading:
    if module.max_norm is not None:
        return Reading(note="rows are scaled to max_norm")
    return Reading("embedding", _parameters(table=module.weight), inputs=("ids",))


def _layer_norm(module: Any) -> Reading:
    if len(module.normalized_shape) != 1 or module.weight is None:
        return Reading(note="over several axes, or without a scale")
    weights = _parameters(gamma=module.weight, beta=module.bias)
    return Reading("layer_norm", {"beta": np.zeros_like(weights["gamma"])} | weights, {"eps": module.eps})


def _batch_norm(module: Any) -> Reading:
    if module.training or module.running_mean is None or module.weight is None:
        return Reading(note="normalises by the batch itself: it is in training")
    weights = _parameters(gamma=module.weight, beta=module.bias, mean=module.running_mean, variance=module.running_var)
    return Reading("batch_norm", weights, {"eps": module.eps})


def _pooling(kind: str) -> Callable[[Any], Reading]:
    def read(module: Any) -> Reading:
        pads, largest = _pair(module.padding), kind == "max_pool2d"
        if (any(pads) and not largest) or module.ceil_mode or _pair(getattr(module, "dilation", 1)) != (1, 1):
            return Reading(note="a mean with padding, or a pooling with dilation or ceil_mode")
        if getattr(module, "divisor_override", None) is not None:
            return Reading(note="a mean of another divisor than the size of the window")
        size = _pair(module.kernel_size)
        around = {"padding": tuple((one, one) for one in pads)} if largest else {}
        return Reading(kind, settings={"size": size, "strides": _pair(module.stride or size), **around})

    return read


def _adaptive(module: Any) -> Reading:
    if _pair(module.output_size) != (1, 1):
        return Reading(note="windows that follow from the size of the image")
    return Reading("global_avg_pool2d", settings={"keep": True})


def _rms_norm(module: Any) -> Reading:
    if len(module.normalized_shape) != 1 or module.weight is None:
        return Reading(note="over several axes, or without a scale")
    eps = torch.finfo(module.weight.dtype).eps if module.eps is None else module.eps
    return Reading("rms_norm", _parameters(gamma=module.weight), {"eps": eps})


def _pair(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple) else (value, value)


def _softmax(module: Any) -> Reading:
    if module.dim is None:
        return Reading(note="a softmax whose axis is not said")
    kind = "log_softmax" if isinstance(module, nn.LogSoftmax) else "softmax"
    return Reading(kind, late=lambda inputs: {"axis": _from_the_end(module.dim, inputs["x"].ndim)})


def _from_the_end(axis: int, rank: int) -> int:
    return axis - rank if axis >= 0 else axis


def _flatten(module: Any) -> Reading:
    if (module.start_dim, module.end_dim) != (1, -1):
        return Reading(note="flattens some axes only")
    return Reading(FLATTEN, settings={"order": "nchw"})


def _dropout(module: Any) -> Reading:
    if module.training and module.p:
        return DROPS
    return Reading(IDENTITY)


def _gates(blocks: Array) -> Array:
    """(4 m, k) in PyTorch's order i, f, c, o to (4, m, k) in ours, i, f, o, c."""
    i, f, c, o = np.split(blocks, 4)
    return np.stack([i, f, o, c])


def _lstm(module: Any) -> Reading:
    inputs, results = ("x", "h", "c"), ("output", "h_last", "c_last")
    return _recurrent(module, _gates, "b2", Reading("lstm", {}, {"sequences": True}, inputs, results))


def _gru(module: Any) -> Reading:
    """Its gates are in the formula's order, r, z, n."""
    settings = {"sequences": True, "reset": "behind the product"}
    read = Reading("gru", {}, settings, ("x", "h"), ("output", "h_last"))
    return _recurrent(module, lambda blocks: np.stack(np.split(blocks, 3)), "bh", read)


def _recurrent(module: Any, gates: Callable[[Array], Array], second: str, read: Reading) -> Reading:
    """That reading, with the parameters; `second` is the formula's name of the second bias."""
    if _drops(module):
        return DROPS
    if module.num_layers != 1 or module.bidirectional or module.proj_size:
        return Reading(note="recurrent in both directions, or with a projection")
    named = {name.removesuffix("_l0"): array(one) for name, one in module.named_parameters()}
    weights = {"wx": gates(named["weight_ih"]), "wh": gates(named["weight_hh"])}
    if module.bias:
        weights |= {"b": gates(named["bias_ih"]), second: gates(named["bias_hh"])}
    turned = _turned(not module.batch_first)
    return replace(
        read, weights=weights, ours=turned, theirs=lambda name, x: x[None] if name in STATES else turned(name, x)
    )


def _drops(module: Any) -> bool:
    """Whether units are dropped between the layers."""
    return bool(module.training and module.dropout and module.num_layers > 1)


def _turned(swap: bool) -> Callable[[str, Array], Array]:
    """Sequences as (n, t, k), states without the axis of layers."""

    def ours(name: str, x: Array) -> Array:
        if name in STATES:
            return x[0]
        return np.swapaxes(x, 0, 1) if swap and x.ndim == 3 else x  # neither without a batch, nor packed

    return ours


def _attention(module: Any) -> Reading:
    if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
        return Reading(note="keys or values of other widths, or with a bias or zeros put behind them")
    if module.training and module.dropout:
        return DROPS
    weights = dict(zip(("wq", "wk", "wv"), np.split(array(module.in_proj_weight).T, 3, axis=1), strict=True))
    if module.in_proj_bias is not None:
        weights |= dict(zip(("bq", "bk", "bv"), np.split(array(module.in_proj_bias), 3), strict=True))
    outer = {"wo": array(module.out_proj.weight).T} | _parameters(bo=module.out_proj.bias)
    names = ("query", "key", "value", "key_padding_mask")
    turned = _turned(not module.batch_first)
    return Reading(
        *("multi_head_attention", weights | outer, {"heads": module.num_heads}, names),
        ours=lambda name, x: x if x.ndim != 3 else turned(name, x),
        theirs=lambda name, x: x if x.ndim != 3 else turned(name, x),
    )


TABLE: Mapping[type, Callable[[Any], Reading]] = {
    nn.Linear: _dense,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.Embedding: _embedding,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.MaxPool2d: _pooling("max_pool2d"),
    nn.AvgPool2d: _pooling("avg_pool2d"),
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.Softmax: _softmax,
    nn.LogSoftmax: _softmax,
    nn.Flatten: _flatten,
    nn.LSTM: _lstm,
    nn.GRU: _gru,
    nn.MultiheadAttention: _attention,
    nn.Identity: lambda module: Reading(IDENTITY),
    **dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout), _dropout),
    nn.ReLU: lambda module: Reading("relu"),
    nn.ReLU6: lambda module: Reading("relu", settings={"ceiling": 6.0}),
    nn.LeakyReLU: lambda module: Reading("relu", settings={"slope": module.negative_slope}),
    nn.SiLU: lambda module: Reading("silu"),
    nn.Tanh: lambda module: Reading("tanh"),
    nn.Sigmoid: lambda module: Reading("sigmoid"),
    nn.GELU: lambda module: Reading(
        "gelu", settings={"kind": {"none": "exact"}.get(module.approximate, module.approximate)}
    ),
}


def layers_of(module: Any) -> list[Any]:
    """An LSTM or a GRU of several layers as so many of one, with the same parameters; others as they are."""
    if not isinstance(module, nn.LSTM | nn.GRU) or module.num_layers == 1 or module.bidirectional or module.proj_size:
        return [module]
    if _drops(module):
        return [module]
    found = []
    for number in range(module.num_layers):
        width = module.hidden_size if number else module.input_size
        options = {"bias": module.bias, "batch_first": module.batch_first, "device": "meta"}
        kind = nn.LSTM if isinstance(module, nn.LSTM) else nn.GRU
        one = kind(width, module.hidden_size, **options).train(module.training)
        given = {name: getattr(module, name.replace("_l0", f"_l{number}")) for name, _ in one.named_parameters()}
        one.load_state_dict(given, assign=True)
        found.append(one)
    return found


#: Modules that are read whole, not by what they are made of.
WHOLE = (nn.LSTM, nn.GRU, nn.MultiheadAttention)
#: Modules that only move numbers: what comes out is judged where it goes in.
MOVERS = (nn.Unflatten, nn.ZeroPad1d, nn.ZeroPad2d, nn.PixelShuffle)


def reading(module: Any) -> Reading:
    """How a module is read; one that is unknown has its parameters as they are, by which its counterpart is found."""
    read = _known(module)
    return read if read.kind else replace(read, weights=_parameters(**dict(module.named_parameters())))


def _known(module: Any) -> Reading:
    """One whose `forward` is not that of the class it stands for is unknown."""
    kind: Any = type(module)
    if kind.__name__ in GELUS and kind.__module__.startswith("transformers."):
        return Reading("gelu", settings={"kind": GELUS[kind.__name__]})
    if kind.__name__ == "Conv1D" and kind.__module__.startswith("transformers."):  # GPT-2's dense layers, (in, out)
        return Reading("dense", {"w": array(module.weight).T, "b": array(module.bias)})
    base = next((one for one in kind.__mro__ if one in TABLE), None)
    if base is None:
        return Reading()
    if kind.forward is not base.forward:
        return Reading(note=f"has a forward other than that of {base.__name__}")
    return TABLE[base](module)
