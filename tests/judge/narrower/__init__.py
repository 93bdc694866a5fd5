"""A narrower format is named where errors are as its roundings are, and nowhere else.

The wrong results here have errors of that size: a sum that lacks a block, rows that are right, a factor of each row.
"""
