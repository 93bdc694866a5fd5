"""Keras on PyTorch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ["KERAS_BACKEND"] = "torch"  # read once, when Keras is imported

import keras

from nnparity.adapters.keras.backend import Keras
from nnparity.adapters.torch.backend import TorchBase


class KerasTorchAdapter(Keras, TorchBase):
    """Formulas as Keras computes them on PyTorch."""

    backend = "keras-torch"
    packages = ("keras", "torch")

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Keras places its variables and constants on a CUDA device, where there is one, unless told.

        Not "cpu:0": that is another name to Keras, under which an LSTM cannot be built.
        """
        with keras.device(str(self._place)), super().scope():
            yield
