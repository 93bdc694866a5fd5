"""The implementations under test: one package per framework, each with its own kernels.

Nothing here imports a framework: `registry.load` does, for the one that is asked for.
"""
