"""Keras on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # read once, when Keras is imported

from nnparity.adapters.jax.backend import JaxBase
from nnparity.adapters.keras.backend import Keras


class KerasJaxAdapter(Keras, JaxBase):
    """Formulas as Keras computes them on JAX."""

    backend = "keras-jax"
    packages = ("keras", "jax", "jaxlib")
    modes = ("compiled", "eager")
