"""Keras 3: its layers, losses and optimisers on whichever backend it was told, as one mixin for all three.

What differs is how the backend differentiates: `on_torch`, `on_tensorflow` and `on_jax` take that
from the backend's own adapter, and tell Keras its backend, which is fixed once Keras is imported.
"""

from types import MappingProxyType

import keras

from nnparity.adapters.keras.models import KerasModels
from nnparity.adapters.keras.optimizers import KerasOptimizers
from nnparity.adapters.keras.sequences import KerasSequences
from nnparity.adapters.keras.training import KerasTraining


class Keras(KerasSequences, KerasModels, KerasTraining, KerasOptimizers):
    """Formulas as Keras computes them; to be mixed with a backend's tensors and derivatives."""

    unsupported = MappingProxyType(
        {
            "adam": "Keras's Adam has the paper's other form only: see adam_eps_hat",
            "listing_bert": "Keras itself has no BERT; listing 4.4 is that of Hugging Face",
        }
    )

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        """Raise RuntimeError when Keras was imported earlier, in this process, on another backend."""
        super().__init__(device, mode)
        found = keras.backend.backend()
        if self.backend != f"keras-{found}":
            raise RuntimeError(f"{self.backend} needs a process of its own: in this one Keras runs on {found}")
