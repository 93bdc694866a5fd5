"""Tests of `nnparity.reports.causes` and of what shows them: the answer, the cards, the matrix.

The run of `conftest` is drawn at random; counts and links of its report are found another way, from plain JSON.
"""
