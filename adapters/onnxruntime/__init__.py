"""ONNX Runtime, forward only: each formula is a graph of ONNX's own operators, built once for each signature and run.

`operators` writes nodes of a graph, `arrays` makes sessions of graphs and runs them, the other modules have the
formulas. `known.toml` records what released versions do differently.
"""
