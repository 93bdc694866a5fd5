"""Tests of `nnparity.reports.trend`: dated runs in order, counted as their files say.

Their runs are synthetic, as those of all tests of reports.
"""
