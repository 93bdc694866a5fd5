"""JAX's operations for sequences: the LSTM of `jax.experimental.rnn` and `jax.nn.dot_product_attention`."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from nnparity.adapters.kernel import composed, kernel
from nnparity.adapters.shared.gates import ifco

NO_ATTENTION = "jax has no attention layer of its own"
GATE_ORDER = "its gates are in the order i, f, g, o (g is c), and it has a second bias, zero here"
HEADS = "the axes are batch, time, head, feature"
EQUAL = "keys and values are equally wide: the narrower are padded with zeros, which changes no result"


class JaxSequences:
    """Recurrence and attention, as methods for `JaxAdapter`."""

    @kernel("jax.experimental.rnn.lstm_ref", convention=GATE_ORDER)
    def lstm_step(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        _, h_next, c_next = _lstm(x[:, None], h, c, [(wx, wh, b)])
        return h_next[0], c_next[0]

    @kernel("jax.experimental.rnn.lstm_ref", convention=GATE_ORDER)
    def lstm(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        y, _, last = _lstm(x, h, c, [(wx, wh, b)])
        return y, last[0]

    @kernel("jax.experimental.rnn.lstm_ref", convention=GATE_ORDER)
    def lstm_last(self, x: Any, h: Any, c: Any, wx: Any, wh: Any, b: Any) -> Any:
        return _lstm(x, h, c, [(wx, wh, b)])[1][0]

    @kernel("jax.experimental.rnn.lstm_ref", convention=GATE_ORDER)
    def lstm_stacked(self, x: Any, wx1: Any, wh1: Any, b1: Any, wx2: Any, wh2: Any, b2: Any) -> Any:
        zero = jnp.zeros((len(x), b1.shape[1]), x.dtype)
        return _lstm(x, zero, zero, [(wx1, wh1, b1), (wx2, wh2, b2)])[1][1]

    @kernel("jax.nn.dot_product_attention", convention=f"{HEADS}; {EQUAL}")
    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return _attention(q, k, v)

    @kernel(
        "jax.nn.dot_product_attention", convention=f"the mask is boolean, True for a key that counts; {HEADS}; {EQUAL}"
    )
    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        return _attention(q, k, v, mask.astype(bool)[:, None, None])

    @composed("jnp.matmul, jax.nn.dot_product_attention, +", because=NO_ATTENTION)
    def residual_attention(self, h: Any, wq: Any, wk: Any, wv: Any) -> Any:
        return _attention(h @ wq, h @ wk, h @ wv) + h

    @composed("jnp.matmul, +, jax.nn.dot_product_attention", because=NO_ATTENTION, convention=HEADS)
    def multi_head_attention(
        self,
        h: Any,
        wq: Any,
        wk: Any,
        wv: Any,
        wo: Any,
        bq: Any,
        bk: Any,
        bv: Any,
        bo: Any,
        heads: int,
    ) -> Any:
        split = (*h.shape[:2], heads, h.shape[2] // heads)
        q, k, v = ((h @ w + b).reshape(split) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
        return jax.nn.dot_product_attention(q, k, v).reshape(h.shape) @ wo + bo

    @composed("jnp.power, /, jnp.sin, jnp.cos, jnp.stack", because="jax has no positional encoding")
    def positional_encoding(self, position: Any, d: int) -> Any:
        angles = position[:, None] / 10000 ** (jnp.arange(0, d, 2, dtype=position.dtype) / d)
        return jnp.stack((jnp.sin(angles), jnp.cos(angles)), -1).reshape(len(position), -1)


def _gates(blocks: Any) -> Any:
    """The blocks of the gates one below the other, as the LSTM orders them; JAX refuses to split three in four."""
    return jnp.concatenate([jnp.squeeze(gate, 0) for gate in ifco(jnp.split(blocks, 4))])


@jax.jit  # as lstm_ref is already: without it, each slice of a gate is a program of its own to compile
def _lstm(x: Any, h: Any, c: Any, layers: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """All hidden states of the last layer, then the last h and c of each; every layer starts from h and c."""
    wx, wh, b = ({layer: _gates(block) for layer, block in enumerate(blocks)} for blocks in zip(*layers, strict=True))
    zero = {layer: jnp.zeros_like(bias) for layer, bias in b.items()}
    start = [jnp.stack([state] * len(layers)) for state in (h, c)]
    lengths = jnp.full(len(x), x.shape[1], jnp.int32)
    y, last_h, last_c = rnn.lstm_ref(
        x, *start, wx, wh, b, zero, lengths, x.shape[-1], h.shape[1], len(layers), 0.0, False
    )
    return y, last_h, last_c


def _attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """A single head. The narrower of keys and values are padded with zeros, which changes no result."""
    d, e = q.shape[-1], v.shape[-1]
    width = max(d, e)
    q, k, v = (_padded(a, missing)[:, :, None] for a, missing in ((q, width - d), (k, width - d), (v, width - e)))
    return jax.nn.dot_product_attention(q, k, v, mask=mask, scale=d**-0.5)[:, :, 0, :e]


def _padded(a: Any, missing: int) -> Any:
    return jnp.pad(a, ((0, 0), (0, 0), (0, missing))) if missing else a
