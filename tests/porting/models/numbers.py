"""The weights of the models under test, by the names of PyTorch and Hugging Face, in their layout; no framework."""

from typing import Any

import numpy as np

#: The BERT: small, but of twelve layers.
LAYERS, WIDTH, INNER, HEADS, WORDS, PLACES = 12, 32, 64, 4, 30, 16
#: Listing 4.2: kernels (o, c, p, q), dense weights (out, in), the first dense layer's features channels last.
CNN = ((32, 3, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 1024), (10, 64))
#: Listing 4.3, with fewer units: gates in the frameworks' order, (4 m, k) and (4 m, m).
LSTM = ((20, 3), (20, 5), (20, 5), (20, 5), (1, 5))


def bert() -> dict[str, Any]:
    """All parameters of a `BertModel`, none of them zeros or ones."""
    draw = np.random.default_rng(7)
    found = {"embeddings.word_embeddings.weight": draw.normal(size=(WORDS, WIDTH))}
    found["embeddings.position_embeddings.weight"] = draw.normal(size=(PLACES, WIDTH))
    found["embeddings.token_type_embeddings.weight"] = draw.normal(size=(2, WIDTH))
    found |= _norm(draw, "embeddings.LayerNorm")
    for number in range(LAYERS):
        place = f"encoder.layer.{number}"
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            found |= _dense(draw, f"{place}.{name}", WIDTH, WIDTH)
        found |= _norm(draw, f"{place}.attention.output.LayerNorm")
        found |= _dense(draw, f"{place}.intermediate.dense", WIDTH, INNER)
        found |= _dense(draw, f"{place}.output.dense", INNER, WIDTH)
        found |= _norm(draw, f"{place}.output.LayerNorm")
    found |= _dense(draw, "pooler.dense", WIDTH, WIDTH)
    return {name: x.astype(np.float32) for name, x in found.items()}


def _dense(draw: Any, name: str, inward: int, outward: int) -> dict[str, Any]:
    weight = draw.normal(size=(outward, inward)) / np.sqrt(inward)
    return {f"{name}.weight": weight, f"{name}.bias": draw.normal(size=outward) / 10}


def _norm(draw: Any, name: str) -> dict[str, Any]:
    return {f"{name}.weight": 1 + draw.normal(size=WIDTH) / 10, f"{name}.bias": draw.normal(size=WIDTH) / 10}


def pairs(shapes: tuple[tuple[int, ...], ...]) -> list[tuple[Any, Any]]:
    """Weights and biases of those shapes."""
    draw = np.random.default_rng(5)
    found = [(draw.normal(size=one) / np.sqrt(np.prod(one[1:])), draw.normal(size=one[0]) / 10) for one in shapes]
    return [(w.astype(np.float32), b.astype(np.float32)) for w, b in found]


def image() -> Any:
    """Two images, channels first."""
    return np.random.default_rng(3).normal(size=(2, 3, 32, 32)).astype(np.float32)


def sentences() -> dict[str, Any]:
    """Two sequences, the second of which is padded."""
    ids = np.random.default_rng(3).integers(1, WORDS, (2, 10))
    mask = np.ones_like(ids)
    mask[1, 7:] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.tile(np.arange(10) // 5, (2, 1))}


def sequences() -> Any:
    """Two sequences of seven numbers in threes."""
    return np.random.default_rng(3).normal(size=(2, 7, 3)).astype(np.float32)


def attention() -> dict[str, Any]:
    """Of attention of the width 8 in two heads, and of the normalisation of four channels, by PyTorch's names."""
    draw = np.random.default_rng(9)
    shapes = {
        "attention.in_proj_weight": (24, 8),
        "attention.in_proj_bias": (24,),
        "attention.out_proj.weight": (8, 8),
        "attention.out_proj.bias": (8,),
        **{f"norm.{name}": (4,) for name in ("weight", "bias", "running_mean", "running_var")},
    }
    found = {name: draw.normal(size=shape) / 2 for name, shape in shapes.items()}
    return {name: (x**2 + 1 if name.endswith("_var") else x).astype(np.float32) for name, x in found.items()}


def attended() -> dict[str, Any]:
    """Sequences and images."""
    draw = np.random.default_rng(3)
    shapes = {"x": (2, 5, 8), "images": (2, 4, 3, 3)}
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def images() -> dict[str, Any]:
    """Of `torch_models.images`, by PyTorch's names."""
    draw = np.random.default_rng(11)
    shapes = {
        "0.weight": (8, 3, 3, 3),
        **{f"1.{name}": (8,) for name in ("weight", "bias", "running_mean", "running_var")},
        "6.weight": (4, 8),
        "6.bias": (4,),
        "7.weight": (4,),
    }
    found = {name: draw.normal(size=shape) / 2 for name, shape in shapes.items()}
    return {name: (x**2 + 1 if name.endswith("_var") else x).astype(np.float32) for name, x in found.items()}
