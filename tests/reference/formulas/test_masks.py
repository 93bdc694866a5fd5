"""What is masked takes no part, however high it would score: in no weight, in no maximum, in no gradient."""

import numpy as np
import pytest

from nnparity.reference.formulas.bert import masked_attention
from nnparity.reference.formulas.transformer import attention

RNG = np.random.default_rng(0)
Q, V, G = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 3, 5)), RNG.standard_normal((2, 3, 5))
#: Positive queries against keys, each of which scores thousands above the one before it.
QUERIES = 1.0 + np.abs(Q)
KEYS = Q / 8 + 4000.0 * np.arange(3)[:, None]


@pytest.mark.parametrize("flash", [False, True])
def test_a_key_that_is_masked_is_as_if_it_were_not_there(flash: bool) -> None:
    mask = np.array([[1, 0, 0], [1, 0, 0]])
    told = masked_attention(QUERIES, KEYS, V, mask)
    assert np.array_equal(told, attention(QUERIES, KEYS[:, :1], V[:, :1]))
    dq, dk, dv = masked_attention.gradients(G, QUERIES, KEYS, V, mask, flash=flash)
    alone = attention.gradients(G, QUERIES, KEYS[:, :1], V[:, :1])
    for found, expected in zip((dq, dk[:, :1], dv[:, :1]), alone, strict=True):
        assert np.abs(found - expected).max() < 2.0**-48
    assert not dk[:, 1:].any()
    assert not dv[:, 1:].any()


def test_a_query_is_as_if_no_key_came_after_it() -> None:
    told = attention(QUERIES, KEYS, V, causal="top left")
    one_by_one = [attention(QUERIES[:, t : t + 1], KEYS[:, : t + 1], V[:, : t + 1]) for t in range(3)]
    np.testing.assert_array_almost_equal_nulp(told, np.concatenate(one_by_one, axis=1), 8)
    assert np.isfinite(attention.gradients(G, QUERIES, KEYS, V, causal="top left")[0]).all()
