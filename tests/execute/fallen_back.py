"""TensorFlow with its graphs switched off in the same process, as somebody who debugs leaves it."""

import tensorflow as tf

from nnparity.adapters.tensorflow.backend import TensorflowAdapter


class FallenBack(TensorflowAdapter):
    """`tf.function` runs what it is given op by op."""

    backend = "fallen-back"

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        super().__init__(device, mode)
        tf.config.run_functions_eagerly(True)
