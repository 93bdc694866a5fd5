"""Section 6.11 of the primer: the adversarial losses, of the probabilities that the discriminator gives.

`real` is D(x) on data, `fake` is D(G(z)) on generated samples (Goodfellow et al., arXiv:1406.2661, equation 1).
"""

import numpy as np

from nnparity.reference.arrays import Array, Float
from nnparity.reference.registry import formula


@formula("gan_discriminator_loss")
def gan_discriminator_loss(
    real: Float[Array, "n"], fake: Float[Array, "n"], *, swapped: bool = False, half: bool = False
) -> Float[Array, ""]:
    """L = -1/n sum [log D(x) + log(1 - D(G(z)))]. Primer 6.11."""
    real, fake = (fake, real) if swapped else (real, fake)
    total = -np.sum(np.log(real)) - np.sum(np.log(1 - fake))
    return total / (real.shape[0] * (2 if half else 1))


@gan_discriminator_loss.vjp
def _(
    g: Float[Array, ""], real: Float[Array, "n"], fake: Float[Array, "n"], *, swapped: bool = False, half: bool = False
) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """dL/dD(x) = -1 / (n D(x)), dL/dD(G(z)) = 1 / (n (1 - D(G(z))))."""
    n = real.shape[0] * (2 if half else 1)
    towards_one, towards_zero = (fake, real) if swapped else (real, fake)
    gradients = -g / towards_one / n, g / (1 - towards_zero) / n
    return gradients[::-1] if swapped else gradients


def minimax(fake: Float[Array, "n"]) -> Float[Array, ""]:
    """1/n sum log(1 - D(G(z))): what the generator lowers in the game of the paper."""
    return np.sum(np.log(1 - fake)) / fake.shape[0]


def nonsaturating(fake: Float[Array, "n"]) -> Float[Array, ""]:
    """-1/n sum log D(G(z)): the same fixed point, with a gradient where the generator is bad."""
    return -np.sum(np.log(fake)) / fake.shape[0]


def _back(g: Float[Array, ""], fake: Float[Array, "n"], kind: str) -> Float[Array, "n"]:
    return -g / ((1 - fake) if kind == "minimax" else fake) / fake.shape[0]


@formula("gan_generator_minimax")
def gan_generator_minimax(fake: Float[Array, "n"], *, kind: str = "minimax") -> Float[Array, ""]:
    """L = 1/n sum log(1 - D(G(z))). Primer 6.11."""
    return minimax(fake) if kind == "minimax" else nonsaturating(fake)


@gan_generator_minimax.vjp
def _(g: Float[Array, ""], fake: Float[Array, "n"], *, kind: str = "minimax") -> Float[Array, "n"]:
    """dL/dD = -1 / (n (1 - D))."""
    return _back(g, fake, kind)


@formula("gan_generator_nonsaturating")
def gan_generator_nonsaturating(fake: Float[Array, "n"], *, kind: str = "nonsaturating") -> Float[Array, ""]:
    """L = -1/n sum log D(G(z)). Primer 6.11."""
    return nonsaturating(fake) if kind == "nonsaturating" else minimax(fake)


@gan_generator_nonsaturating.vjp
def _(g: Float[Array, ""], fake: Float[Array, "n"], *, kind: str = "nonsaturating") -> Float[Array, "n"]:
    """dL/dD = -1 / (n D)."""
    return _back(g, fake, kind)
