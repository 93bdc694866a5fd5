"""What of a compiler makes a difference: the distances, the search on planted compilers, one real pass of XLA."""
