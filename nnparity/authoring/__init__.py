"""For somebody who writes an adapter: a file to begin with (`skeleton`), and what a method is given (`formula`).

What is wrong in an adapter is told when it is loaded, by `nnparity.adapters.inspection`.
"""
