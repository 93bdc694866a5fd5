"""What of a compiler makes a difference: the distances, and the search on planted compilers.

One real program of XLA's is searched too; it is small, and one pass of it is tried.
"""
