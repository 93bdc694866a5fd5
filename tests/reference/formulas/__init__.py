"""Tests of how the formulas are written down: their shapes and their sources.

What they compute is tested a folder above.
"""
