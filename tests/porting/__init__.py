"""Tests of `nnparity.port`: pairing and judging without a framework, then models of PyTorch against models of Keras.

`numbers` has the weights that both have, `torch_models` and `keras_models` the models, right ones and with faults.
"""
