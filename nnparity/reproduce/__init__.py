"""A verdict as a script that stands alone: the framework and NumPy, the numbers, and what is right.

The kernel is the adapter's own method, as it is written there, taken out with all that it needs: see `writing`.
Nothing of nnparity is imported by what comes out.
"""
