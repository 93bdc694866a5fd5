"""Scripts that stand alone: they run without nnparity, and their status is that of the verdict.

Numbers come through to the bit, and every kernel of every adapter can be taken out of it.
"""
