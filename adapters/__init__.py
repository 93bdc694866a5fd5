"""The implementations under test: one module per framework, each with its own kernels.

Nothing here imports a framework: `registry.load` does, for the one that is asked for.
"""
