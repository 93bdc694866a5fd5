"""Keras on TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # read once, when Keras is imported

from nnparity.adapters.keras.backend import Keras
from nnparity.adapters.tensorflow.backend import COMPILERS, TensorflowBase


class KerasTensorflowAdapter(Keras, TensorflowBase):
    """Formulas as Keras computes them on TensorFlow."""

    backend = "keras-tensorflow"
    packages = ("keras", "tensorflow")
    modes = tuple(COMPILERS)
