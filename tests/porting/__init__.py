"""Tests of `nnparity.port`: pairing and judging without a framework, then models of PyTorch against models of Keras.

`made` has layers made by hand, `models` those of the frameworks.
"""
