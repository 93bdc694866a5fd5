"""Keras on JAX."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # read once, when Keras is imported

import keras

from nnparity.adapters.jax.backend import JaxBase
from nnparity.adapters.jax.executables import variables
from nnparity.adapters.keras.backend import Keras


class KerasJaxAdapter(Keras, JaxBase):
    """Formulas as Keras computes them on JAX."""

    backend = "keras-jax"
    packages = ("keras", "jax", "jaxlib")
    modes = ("compiled", "eager")

    @property
    def settings(self) -> str:  # type: ignore[override]
        """What Keras's own file of settings and its variables say."""
        told = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()
        return f"{told} {keras.config.dtype_policy().name} {variables('KERAS_')}"
