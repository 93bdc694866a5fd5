"""Tests of how the formulas are written down, of their shapes and their sources; what they compute is tested above."""
