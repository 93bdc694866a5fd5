"""Figures: training runs, and errors over the range of an input.

Their lines survive the run file, and each drawing follows from the numbers alone.
"""
