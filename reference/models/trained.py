"""The training runs of the spec: listings 4.1 to 4.3 and the GAN, on `s` batches each."""

from typing import Any

import numpy as np

from nnparity.reference.arrays import Array, Float, Int, Weights
from nnparity.reference.formulas.activation import sigmoid, tanh
from nnparity.reference.formulas.loss import l2_penalty
from nnparity.reference.formulas.mlp import mse
from nnparity.reference.models import cnn, gan, lstm, mlp
from nnparity.reference.models.cnn import keep
from nnparity.reference.models.training import Optimizer, Record, Rule, Run, train
from nnparity.reference.registry import formula


def _rule(keywords: dict[str, Any]) -> Rule:
    """The optimiser among a formula's keywords, which are taken away from them."""
    return Rule(**{name: keywords.pop(name) for name in Rule._fields if name in keywords})


@formula("train_mlp")
def train_mlp(
    x: Float[Array, "s n i"],
    t: Float[Array, "s n k"],
    *p: *mlp.Parameters,
    lam: float,
    decay: float = 2.0,
    dropout: float = 0.0,
    decoupled: bool = False,
    **rule: Any,
) -> Run:
    """E = 1/(2n) sum (y - t)^2 + lam sum w^2 over both matrices of weights. Primer 3.1.2."""
    return train(
        x.shape[0],
        lambda step, w: _perceptron(x[step], t[step], w, lam, decay, dropout),
        list(p),
        _rule(rule | {"decoupled": 2.0 * lam} if decoupled else rule),
    )


def _perceptron(
    x: Float[Array, "n i"], t: Float[Array, "n k"], p: Weights, lam: float, decay: float, dropout: float
) -> tuple[Float[Array, ""], Weights]:
    """Forward and back through listing 4.1, with a penalty whose gradient is `decay` lam w."""
    w1, b1, w2, b2 = p
    inner = mlp.across(x, w1, b1)
    mask = keep(inner.shape, dropout) if dropout else 1.0
    hidden = tanh(inner) * mask if dropout else tanh(inner)
    outer = mlp.across(hidden, w2, b2)
    y = sigmoid(outer)
    (d_outer,) = sigmoid.gradients(mse.gradients(1.0, y, t)[0], outer)
    d_hidden, dw2, db2 = mlp.across_back(d_outer, hidden, w2, b2)
    (d_inner,) = tanh.gradients(d_hidden * mask if dropout else d_hidden, inner)
    _, dw1, db1 = mlp.across_back(d_inner, x, w1, b1)
    loss = mse(y, t) + (l2_penalty(w1, lam=lam) + l2_penalty(w2, lam=lam))
    return loss, [dw1 + decay * lam * w1, db1, dw2 + decay * lam * w2, db2]


@formula("train_cnn")
def train_cnn(
    x: Float[Array, "s n 3 32 32"],
    labels: Int[Array, "s n"],
    *p: *cnn.Parameters,
    dropout: float = 0.0,
    order: str = "nhwc",
    **rule: Any,
) -> Run:
    """Listing 4.2, as compiled there."""
    return train(
        x.shape[0],
        lambda step, w: cnn.loss_and_gradients(x[step], labels[step], w, dropout=dropout, order=order),
        list(p),
        _rule(rule),
    )


@formula("train_lstm")
def train_lstm(
    x: Float[Array, "s n t k"],
    t: Float[Array, "s n 1"],
    *p: *lstm.Parameters,
    transposed: bool = False,
    forget_bias: float = 0.0,
    **rule: Any,
) -> Run:
    """Listing 4.3, as compiled there."""
    return train(
        x.shape[0],
        lambda step, w: lstm.loss_and_gradients(x[step], t[step], w, transposed=transposed, forget_bias=forget_bias),
        list(p),
        _rule(rule),
    )


@formula("train_gan")
def train_gan(
    x: Float[Array, "s n d"],
    z: Float[Array, "s n k"],
    *p: *gan.Parameters,
    kind: str = "nonsaturating",
    half: bool = False,
    **rule: Any,
) -> Run:
    """One step of the discriminator, then one of the generator against the new discriminator, and so on.

    Primer 6.11.
    """
    numbers, record = _rule(rule), Record()
    generator, critic = Optimizer(numbers, list(p[:4])), Optimizer(numbers, list(p[4:]))
    for step in range(x.shape[0]):
        loss_d, d_critic = gan.discriminate(x[step], z[step], generator.weights + critic.weights, half=half)
        critic.step(d_critic)
        loss_g, d_generator = gan.generate(z[step], generator.weights + critic.weights, kind=kind)
        generator.step(d_generator)
        record.add(np.stack([loss_d, loss_g]), d_generator + d_critic, generator.weights + critic.weights)
    return record.result()
