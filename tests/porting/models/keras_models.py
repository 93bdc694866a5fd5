"""The same models in Keras, on whichever backend it is: right ones, and with a fault planted."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from nnparity.tests.porting.models import numbers

#: The number of the block in which faults are planted.
PLANTED = 7


class Bert(keras.Model):
    """BERT as its paper has it, attention written out; one of its blocks may have a fault."""

    def __init__(self, fault: str = "", dtype: str = "float32") -> None:
        super().__init__(dtype=dtype)
        own = {"dtype": dtype}
        self.words = layers.Embedding(numbers.WORDS, numbers.WIDTH, name="words", **own)
        self.places = layers.Embedding(numbers.PLACES, numbers.WIDTH, name="places", **own)
        self.types = layers.Embedding(2, numbers.WIDTH, name="types", **own)
        self.norm = layers.LayerNormalization(epsilon=1e-12, name="norm", **own)
        faults = {PLANTED: fault}
        self.blocks = [Block(faults.get(number, ""), f"block{number}", dtype) for number in range(numbers.LAYERS)]
        self.pooler = layers.Dense(numbers.WIDTH, activation="tanh", name="pooler", **own)

    def call(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        h = self.words(input_ids) + self.types(token_type_ids)
        h = self.norm(h + self.places(ops.arange(input_ids.shape[1])[None]))
        for block in self.blocks:
            h = block(h, attention_mask)
        return h, self.pooler(h[:, 0])


def tanh_gelu(x: Any) -> Any:
    """The approximation of the GELU."""
    return keras.activations.gelu(x, approximate=True)


class Block(layers.Layer):
    """Attention, then two dense layers, each with its residual and normalised."""

    def __init__(self, fault: str, name: str, dtype: str) -> None:
        super().__init__(name=name, dtype=dtype)
        own = {"dtype": dtype}
        self.fault = fault
        sides = ("query", "key", "value", "out")
        self.query, self.key, self.value, self.out = (layers.Dense(numbers.WIDTH, name=one, **own) for one in sides)
        self.norm1 = layers.LayerNormalization(epsilon=1e-12, name="norm1", **own)
        activation = {"tanh gelu": tanh_gelu, "relu": "relu"}.get(fault, "gelu")
        self.inner = layers.Dense(numbers.INNER, activation=activation, name="inner", **own)
        self.outer = layers.Dense(numbers.WIDTH, name="outer", **own)
        self.norm2 = layers.LayerNormalization(
            epsilon={"epsilon": 1e-5, "large epsilon": 1e-3}.get(fault, 1e-12), name="norm2", **own
        )

    def call(self, h: Any, mask: Any) -> Any:
        attended = self.out(self.attended(h, mask))
        h = self.norm1(attended if self.fault == "residual" else h + attended)
        return self.norm2(h + self.outer(self.inner(h)))

    def attended(self, h: Any, mask: Any) -> Any:
        """Attention in heads, written out."""
        n, t, d = h.shape
        q, k, v = (ops.reshape(one(h), (n, t, numbers.HEADS, -1)) for one in (self.query, self.key, self.value))
        size = {"unscaled": 1, "divided": d // numbers.HEADS}.get(self.fault, np.sqrt(d // numbers.HEADS))
        scores = ops.einsum("bthd,bshd->bhts", q, k) / ops.cast(size, h.dtype)
        if self.fault != "unmasked":
            least = ops.cast(-1e4, scores.dtype)  # float16 has it
            scores = ops.where(ops.cast(mask, "bool")[:, None, None], scores, least)
        return ops.reshape(ops.einsum("bhts,bshd->bthd", ops.softmax(scores), v), (n, t, d))


def bert(fault: str = "", dtype: str = "float32") -> Any:
    """With the weights of `numbers`, but for faults that are in them."""
    model = Bert(fault, dtype)
    model(**{name: ops.convert_to_tensor(x) for name, x in numbers.sentences().items()})
    given = numbers.bert()
    for layer, name in ((model.words, "word"), (model.places, "position"), (model.types, "token_type")):
        layer.set_weights([given[f"embeddings.{name}_embeddings.weight"]])
    _set(model.norm, given, "embeddings.LayerNorm")
    _set(model.pooler, given, "pooler.dense")
    for number, block in enumerate(model.blocks):
        for own, name in NAMES.items():
            _set(getattr(block, own), given, f"encoder.layer.{number}.{name}")
    _spoilt(model.blocks[PLANTED], fault)
    return model


def _spoilt(block: Any, fault: str) -> None:
    """Faults in the weights."""
    query, key = block.query.get_weights(), block.key.get_weights()
    if fault == "transposed":
        block.query.set_weights([query[0].T, query[1]])
    if fault == "swapped":
        block.query.set_weights(key)
        block.key.set_weights(query)
    if fault == "no bias":
        block.query.set_weights([query[0], 0 * query[1]])
    if fault == "half":
        block.query.set_weights([x.astype("float16").astype("float32") for x in query])


#: Layers of a block -> theirs.
NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "norm2": "output.LayerNorm",
}


def _set(layer: Any, given: Any, name: str) -> None:
    layer.set_weights([given[f"{name}.weight"].T, given[f"{name}.bias"]])


def bert_with_another_epsilon() -> Any:
    """In the second normalisation of the block of number 7."""
    return bert("epsilon")


def cnn() -> Any:
    """Listing 4.2 as it stands there."""
    model = keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    given = numbers.pairs(numbers.CNN)
    model.set_weights([x for w, b in given for x in (np.transpose(w, (2, 3, 1, 0)) if w.ndim == 4 else w.T, b)])
    return model


def channels_last(x: Any) -> Any:
    """Images as Keras takes them."""
    return ops.transpose(x, (0, 2, 3, 1))


def with_images() -> Any:
    """The CNN, given images with the channels first."""
    model = cnn()
    return model, lambda x: model(channels_last(x))


def transposed_cnn() -> Any:
    """The third convolution's kernel has input and output channels exchanged."""
    model, call = with_images()
    layer = model.layers[4]
    kernel, bias = layer.get_weights()
    layer.set_weights([np.transpose(kernel, (0, 1, 3, 2)), bias])
    return model, call


def unpermuted_cnn() -> Any:
    """Flattened channels first; the weights behind it are in the order of channels last."""
    given = cnn()
    model = keras.Sequential([*given.layers[:5], layers.Permute((3, 1, 2)), *given.layers[5:]])
    model.build((None, 32, 32, 3))
    return model, lambda x: model(channels_last(x))


def lstm(fault: str = "") -> Any:
    """Listing 4.3; the second layer's gates may be in the primer's order."""
    (wx1, b1), (wh1, _), (wx2, b2), (wh2, _), (w, b) = numbers.pairs(numbers.LSTM)
    model = keras.Sequential(
        [layers.Input((None, 3)), layers.LSTM(5, return_sequences=True), layers.LSTM(5), layers.Dense(1)]
    )
    if fault == "gates":
        wx2 = np.concatenate([np.split(wx2, 4)[gate] for gate in (0, 1, 3, 2)])
    model.set_weights([wx1.T, wh1.T, b1, wx2.T, wh2.T, b2, w.T, b])
    return model


def gru(given: Any, fault: str = "") -> Any:
    """`torch_models.gru`, with its numbers; of the first layer gates may be in PyTorch's order, or the reset early."""
    first = layers.GRU(5, return_sequences=True, reset_after=fault != "reset")
    model = keras.Sequential([layers.Input((None, 3)), first, layers.GRU(5, return_sequences=True)])
    numpy = [one.detach().numpy() for one in given.parameters()]
    for layer, numbers_of in zip(model.layers, (numpy[:4], numpy[4:]), strict=True):
        order = (0, 1, 2) if fault == "gates" and layer is first else (1, 0, 2)
        wx, wh, b, bh = (np.concatenate([np.split(one, 3)[gate] for gate in order]) for one in numbers_of)
        layer.set_weights([wx.T, wh.T, np.stack([b, bh]) if layer.reset_after else b + bh])
    return model


def classes(given: Any, fault: str = "") -> Any:
    """`torch_models.classes`, with its numbers; or the shares themselves."""
    dense = layers.Dense(5, activation="softmax" if fault == "softmax" else "log_softmax")
    model = keras.Sequential([layers.Input((7, 3)), dense])
    model.set_weights([given[0].weight.detach().numpy().T, given[0].bias.detach().numpy()])
    return model


def residual(given: Any) -> Any:
    """`torch_models.residual`, with its numbers: activations and what pads are layers."""
    x = entry = keras.Input((32, 32, 3))
    named = {name: layers.Conv2D(*sizes) for name, sizes in {"stem": (8, 3, 2), "down": (6, 3, 2)}.items()}
    named |= {"conv": layers.Conv2D(8, 3, padding="same"), "alone": layers.DepthwiseConv2D(3, padding="same")}
    norm, last = layers.BatchNormalization(epsilon=1e-5), layers.Dense(4)
    x = layers.ReLU()(named["stem"](layers.ZeroPadding2D(1)(x)))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    x = layers.ReLU()(layers.Add()([x, norm(named["conv"](x))]))
    x = layers.Activation("silu")(named["down"](layers.ZeroPadding2D(1)(x)))
    model = keras.Model(entry, last(layers.GlobalAveragePooling2D()(layers.ReLU()(named["alone"](x)))))
    numpy = {name: one.numpy() for name, one in given.state_dict().items()}
    for name, one in named.items():
        order = (2, 3, 0, 1) if name == "alone" else (2, 3, 1, 0)
        one.set_weights([numpy[f"{name}.weight"].transpose(order), numpy[f"{name}.bias"]])
    norm.set_weights([numpy[f"norm.{name}"] for name in ("weight", "bias", "running_mean", "running_var")])
    last.set_weights([numpy["last.weight"].T, numpy["last.bias"]])
    return model, lambda x: model(channels_last(x))


def signal(given: Any, fault: str = "") -> Any:
    """`torch_models.signal`, with its numbers; the padding may be Keras's own, which is more at the end."""
    padding = [] if fault == "padding" else [layers.ZeroPadding1D(1)]
    conv = layers.Conv1D(8, 3, strides=2, padding="same" if fault == "padding" else "valid")
    rest = [layers.BatchNormalization(epsilon=1e-5), layers.Activation("relu"), layers.LSTM(5, return_sequences=True)]
    model = keras.Sequential([layers.Input((8, 3)), *padding, conv, *rest])
    numpy = {name: one.numpy() for name, one in given.state_dict().items()}
    wx, wh, b1, b2 = (numpy[f"lstm.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    norm = [numpy[f"norm.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
    model.set_weights([numpy["conv.weight"].transpose(2, 1, 0), numpy["conv.bias"], *norm, wx.T, wh.T, b1 + b2])
    return model


#: Layers that leave something to chance in training.
DROPPING: dict[str, Callable[..., Any]] = {
    "dropout": partial(layers.Dropout, 0.5),
    "spatial dropout": partial(layers.SpatialDropout1D, 0.5),
    "noise": partial(layers.GaussianNoise, 0.5),
    "recurrence": partial(layers.LSTM, 3, dropout=0.5),
    "heads": partial(layers.MultiHeadAttention, 2, 4, dropout=0.5),
}


def dropping(name: str) -> Any:
    """One of them alone."""
    given = keras.Input((None, 3))
    layer = DROPPING[name](name=name)
    return keras.Model(given, layer(given, given) if name == "heads" else layer(given))


class Attention(keras.Model):
    """Attention in heads, and the normalisation of a batch of images with the channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 4)
        self.norm = layers.BatchNormalization(epsilon=1e-5)

    def call(self, x: Any, images: Any) -> Any:
        return self.attention(x, x), self.norm(channels_last(images))


def attention(fault: str = "") -> Any:
    """The heads' widths may be taken for the heads."""
    model, given = Attention(), numbers.attention()
    model(**{name: ops.convert_to_tensor(x) for name, x in numbers.attended().items()})
    inward = []
    parts = (np.split(given[f"attention.in_proj_{part}"], 3) for part in ("weight", "bias"))
    for w, b in zip(*parts, strict=True):
        kernel = w.T.reshape(8, 4, 2).transpose(0, 2, 1) if fault == "heads" else w.T.reshape(8, 2, 4)
        inward += [kernel, b.reshape(2, 4)]
    outward = given["attention.out_proj.weight"].T.reshape(2, 4, 8)
    model.attention.set_weights([*inward, outward, given["attention.out_proj.bias"]])
    model.norm.set_weights([given[f"norm.{name}"] for name in ("weight", "bias", "running_mean", "running_var")])
    return model


def images(fault: str = "") -> Any:
    """The padding is a layer of its own here; the epsilon of the batch normalisation may be Keras's default."""
    eps = 1e-3 if fault == "epsilon" else 1e-5
    model = keras.Sequential(
        [
            *(layers.Input((32, 32, 3)), layers.ZeroPadding2D(1), layers.Conv2D(8, 3, strides=2, use_bias=False)),
            *(layers.BatchNormalization(epsilon=eps), layers.ReLU(), layers.MaxPooling2D(3, 2)),
            *(layers.GlobalAveragePooling2D(), layers.Dense(4), layers.RMSNormalization(epsilon=1e-6)),
            layers.Activation("silu"),
        ]
    )
    kernel, *rest = numbers.images().values()
    *normal, dense, bias, scale = rest
    model.set_weights([kernel.transpose(2, 3, 1, 0), *normal, dense.T, bias, scale])
    return model, lambda x: model(channels_last(x))
