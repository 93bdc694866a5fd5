"""Tests of `nnparity.reports.export`: what other programs read says what the run file says.

A hostile adapter is here too: what it says is text in every form of the report.
"""
