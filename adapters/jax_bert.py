"""BERT's encoder in JAX, which has no layers of its own: `jax.nn` for attention, GELU and standardisation.

Compiled as a whole, as the LSTM is: op by op, each of its shapes would be a program to compile.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from nnparity.adapters.declare import composed


class JaxBert:
    """Listing 4.4, as a method for `JaxAdapter`."""

    @composed(
        "jnp.take, jnp.matmul, jax.nn.dot_product_attention, jax.nn.gelu, jax.nn.standardize",
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
    for n in range(len(p["wq"])):
        q, k, v = ((h @ p[f"w{x}"][n] + p[f"b{x}"][n]).reshape(*h.shape[:2], heads, -1) for x in "qkv")
        joined = jax.nn.dot_product_attention(q, k, v, mask=keep).reshape(h.shape)
        h = _norm(h + joined @ p["wo"][n] + p["bo"][n], p["gamma1"][n], p["beta1"][n], eps)
        inner = jax.nn.gelu(h @ p["w1"][n] + p["b1"][n], approximate=False)
        h = _norm(h + inner @ p["w2"][n] + p["b2"][n], p["gamma2"][n], p["beta2"][n], eps)
    return h


def _norm(x: Any, gamma: Any, beta: Any, eps: float) -> Any:
    return jax.nn.standardize(x, epsilon=eps) * gamma + beta
