"""BERT's encoder in JAX, which has no layers of its own: `jax.nn` for attention, GELU and standardisation.

Compiled as a whole, as the LSTM is: op by op, each of its shapes would be a program to compile. The layers are a
`lax.scan`, so that one of them is compiled, not all.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from nnparity.adapters.kernel import composed

#: The inputs that belong to no layer.
BESIDE = ("ids", "mask", "types", "words", "positions", "segments", "gamma", "beta")


class JaxBert:
    """Listing 4.4, as a method for `JaxAdapter`."""

    @composed(
        "jnp.take, jnp.matmul, +, jax.nn.dot_product_attention, jax.nn.gelu, jax.nn.standardize, *",
        because="jax has no layers of its own",
    )
    def listing_bert(self, *, heads: int, eps: float, padding: int, padded: bool, **arrays: Any) -> Any:
        return _encoded(heads, eps, padding, padded, arrays)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _encoded(heads: int, eps: float, padding: int, padded: bool, p: dict[str, Any]) -> Any:
    fixed = (jnp.arange(len(p["words"])) == padding)[:, None]
    words = jnp.where(fixed, jax.lax.stop_gradient(p["words"]), p["words"])
    h = jnp.take(words, p["ids"], axis=0) + jnp.take(p["segments"], p["types"], axis=0)
    h = _norm(h + p["positions"][: h.shape[1]], p["gamma"], p["beta"], eps)
    keep = (p["mask"] != 0)[:, None, None] if padded else None
    layers = {name: w for name, w in p.items() if name not in BESIDE}
    return jax.lax.scan(lambda h, w: (_layer(h, w, keep, heads, eps), None), h, layers)[0]


def _layer(h: Any, w: dict[str, Any], keep: Any, heads: int, eps: float) -> Any:
    q, k, v = ((h @ w[f"w{x}"] + w[f"b{x}"]).reshape(*h.shape[:2], heads, -1) for x in "qkv")
    joined = jax.nn.dot_product_attention(q, k, v, mask=keep).reshape(h.shape)
    h = _norm(h + joined @ w["wo"] + w["bo"], w["gamma1"], w["beta1"], eps)
    inner = jax.nn.gelu(h @ w["w1"] + w["b1"], approximate=False)
    return _norm(h + inner @ w["w2"] + w["b2"], w["gamma2"], w["beta2"], eps)


def _norm(x: Any, gamma: Any, beta: Any, eps: float) -> Any:
    return jax.nn.standardize(x, epsilon=eps) * gamma + beta
