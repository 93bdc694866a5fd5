"""Keras on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # read once, when Keras is imported

import keras

from nnparity.adapters.jax.backend import JaxBase
from nnparity.adapters.keras.backend import Keras


class KerasJaxAdapter(Keras, JaxBase):
    """Formulas as Keras computes them on JAX."""

    backend = "keras-jax"
    packages = ("keras", "jax", "jaxlib")
    modes = ("compiled", "eager")

    @property
    def settings(self) -> str:
        """JAX's, and what Keras's own file of settings may say."""
        told = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()
        return f"{super().settings} {told} {keras.config.dtype_policy().name}"
