"""Hugging Face's own models on PyTorch: BERT, with eager and with SDPA attention.

`known.toml` records what released versions do differently. Nothing here knows an expected value.
"""
