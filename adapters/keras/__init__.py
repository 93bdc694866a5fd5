"""Keras layers, losses, optimizers and models, on each of the three frameworks that can carry them.

`backend` has what the three share, `on_torch`, `on_tensorflow` and `on_jax` what differs, `layer_cache` keeps built
layers. `known.toml` records what released versions do differently. Nothing here knows an expected value.
"""
