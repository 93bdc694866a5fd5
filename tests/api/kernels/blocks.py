"""Softmax, attention and layer normalisation in blocks, as kernels of Triton are written, right and in ten wrong ways.

Written once over the operations of a framework: see `frameworks`. Sums are in float32 where the arrays are narrower,
and the result is rounded once, at the end. The last block is shorter where the length is no multiple of BLOCK.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

#: Lengths of blocks: of rows, and of keys.
ROWS, KEYS = 32, 4
#: Below all scores, and no infinity: of a block without a key nothing is left.
LEAST = -1e30
WIDE, ALL = ("float64", "float32"), ("float64", "float32", "float16", "bfloat16")


@dataclass
class Blocks:
    """The kernels on the operations of one framework."""

    ops: Any

    def spans(self, size: int, block: int, tail: bool = True) -> list[slice]:
        """The blocks of an axis; without its tail only the whole ones."""
        end = size if tail else size - size % block
        return [slice(start, min(start + block, size)) for start in range(0, end, block)]

    def softmax(self, x: Any, *, tail: bool = True) -> Any:
        """One pass over the blocks for the maximum and the sum, one for the quotients."""
        o, wide = self.ops, self.ops.wide(x)
        spans = self.spans(wide.shape[-1], ROWS, tail)
        top = total = None
        for span in spans:
            block = wide[..., span]
            new = o.stopped(o.max(block) if top is None else o.maximum(top, o.max(block)))
            part = o.sum(o.exp(block - new))
            total = part if top is None else total * o.exp(top - new) + part
            top = new
        parts = [o.exp(wide[..., span] - top) / total for span in spans]
        behind = wide[..., spans[-1].stop :] if spans else wide
        return o.narrow(o.cat([*parts, behind * 0]), x)

    def attention(
        self,
        q: Any,
        k: Any,
        v: Any,
        mask: Any = None,
        *,
        scaled: bool = True,
        tail: bool = True,
        probabilities: Callable[[Any], Any] = lambda p: p,
    ) -> Any:
        """Keys in blocks, with a running maximum and sum, as FlashAttention has it."""
        o = self.ops
        query, keys, values = map(o.wide, (q, k, v))
        scale = 1 / math.sqrt(q.shape[-1]) if scaled else 1.0
        top = total = out = None
        for span in self.spans(k.shape[1], KEYS, tail):
            scores = o.matmul(query, o.swap(keys[:, span])) * scale
            if mask is not None:
                scores = scores + o.log(o.wide_like(mask, scores))[:, None, span]
            new = o.stopped(o.maximum(o.max(scores), LEAST if top is None else top))
            p = o.exp(scores - new)
            shrink = None if top is None else o.exp(top - new)
            part, weighted = o.sum(p), o.matmul(probabilities(p), values[:, span])
            total = part if shrink is None else total * shrink + part
            out = weighted if shrink is None else out * shrink + weighted
            top = new
        return o.narrow(out / total, q)

    def layer_norm(self, x: Any, gamma: Any, beta: Any, eps: float = 0.0) -> Any:
        """Mean and variance over the blocks, then the rows."""
        o, wide = self.ops, self.ops.wide(x)
        size = wide.shape[-1]
        spans = self.spans(size, ROWS)
        mean = sum(o.sum(wide[..., span]) for span in spans) / size
        var = sum(o.sum((wide[..., span] - mean) * (wide[..., span] - mean)) for span in spans) / size
        scale, shift = o.wide(gamma), o.wide(beta)
        y = [(wide[..., s] - mean) / o.sqrt(var + eps) * scale[s] + shift[s] for s in spans]
        return o.narrow(o.cat(y), x)

    def masked_attention(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        """Scores of padding are minus infinity."""
        return self.attention(q, k, v, mask)

    def tf32(self, x: Any) -> Any:
        """Rounded to 11 significant bits by Veltkamp's splitting, whose derivative is 1."""
        wide = self.ops.wide(x)
        large = wide * float(2 ** (self.ops.digits(wide) - 11) + 1)
        return large - (large - wide)


class Before:
    """The answer to the call before."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.last = function, None

    def __call__(self, x: Any) -> Any:
        now, answer = self.function(x), self.last
        if "Tracer" not in type(now).__name__:  # JAX differentiates symbols, which are no answers
            self.last = now
        return now if answer is None or answer.shape != now.shape else answer


@dataclass(frozen=True)
class Wrong:
    """A wrong function: the formula it is held to, the word its message must have, and where it is wrong at all."""

    formula: str
    function: Callable[..., Any]
    says: str
    dtypes: tuple[str, ...] = ALL
    level: str = "quick"


def right(ops: Any) -> dict[str, Callable[..., Any]]:
    """Formula -> the kernel."""
    b = Blocks(ops)
    kernels = (b.softmax, b.attention, b.masked_attention, b.layer_norm)
    return {one.__name__: one for one in kernels}


def wrong(ops: Any) -> dict[str, Wrong]:
    """Name -> what is wrong: ten."""
    b = Blocks(ops)
    return {
        "zeros": Wrong("softmax", lambda x: b.softmax(x) * 0, "zeros"),
        "wrong axis": Wrong("softmax", lambda x: ops.swap(b.softmax(ops.swap(x))), "first axis instead of the last"),
        "unscaled": Wrong("attention", partial(b.attention, scaled=False), "no 1/√d_k"),
        "half-precision probabilities": Wrong(
            "attention", partial(b.attention, probabilities=ops.half), "float16", WIDE
        ),
        "missing epsilon": Wrong(
            "layer_norm", lambda x, gamma, beta, eps: b.layer_norm(x, gamma, beta), "epsilon", level="core"
        ),
        "tail dropped": Wrong("softmax", partial(b.softmax, tail=False), "the tail is missing", level="core"),
        "tail of keys dropped": Wrong("attention", partial(b.attention, tail=False), "the tail is missing"),
        "previous answer": Wrong("softmax", Before(b.softmax), "the answer to the call before"),
        "TF32 inputs": Wrong("attention", lambda *x: ops.like(b.attention(*map(b.tf32, x)), x[0]), "TF32", WIDE),
        "gradient of one input missing": Wrong(
            "attention", lambda q, k, v: b.attention(q, ops.stopped(k), v), "the gradient of k is missing"
        ),
        "mask inverted": Wrong("masked_attention", lambda *x: b.attention(*x[:3], 1 - x[3]), "the mask is inverted"),
    }
