"""Models under test: in PyTorch, and the same in Keras, right and with a fault planted.

`numbers` has the weights that both have, `torch_models` and `keras_models` the models; `ports` runs all ports in one
process and tells what came of them.
"""
