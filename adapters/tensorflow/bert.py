"""BERT's encoder in TensorFlow: `tf.nn`, and `tf.keras.ops` for attention and layer normalisation."""

from typing import Any

import tensorflow as tf

from nnparity.adapters.kernel import composed


class TensorflowBert:
    """Listing 4.4, as a method for `TensorflowAdapter`."""

    @composed(
        "tf.nn.embedding_lookup, tf.matmul, +, tf.keras.ops.dot_product_attention, tf.nn.gelu, "
        "tf.keras.ops.layer_normalization",
        because="TensorFlow has BERT's parts, not the model",
    )
    def listing_bert(self, *, heads: int, eps: float, padding: int, padded: bool, **p: Any) -> Any:
        fixed = (tf.range(len(p["words"])) == padding)[:, None]
        words = tf.where(fixed, tf.stop_gradient(p["words"]), p["words"])
        h = tf.nn.embedding_lookup(words, p["ids"]) + tf.nn.embedding_lookup(p["segments"], p["types"])
        h = _norm(h + p["positions"][: h.shape[1]], p["gamma"], p["beta"], eps)
        keep = (p["mask"] != 0)[:, None, None] if padded else None
        for n in range(len(p["wq"])):
            split = (*h.shape[:2], heads, h.shape[2] // heads)
            q, k, v = (tf.reshape(h @ p[f"w{x}"][n] + p[f"b{x}"][n], split) for x in "qkv")
            joined = tf.reshape(tf.keras.ops.dot_product_attention(q, k, v, mask=keep), h.shape)
            h = _norm(h + joined @ p["wo"][n] + p["bo"][n], p["gamma1"][n], p["beta1"][n], eps)
            inner = tf.nn.gelu(h @ p["w1"][n] + p["b1"][n])
            h = _norm(h + inner @ p["w2"][n] + p["b2"][n], p["gamma2"][n], p["beta2"][n], eps)
        return h


def _norm(x: Any, gamma: Any, beta: Any, eps: float) -> Any:
    return tf.keras.ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=eps)
