"""Every formula of the primer in plain NumPy with its VJP under it, a module for each chapter.

Models composed of several formulas are in `nnparity.reference.models`.
"""
