"""Tests of `nnparity.reports.targets`: scores counted another way, certificates, margins on the right side.

What is random there is drawn as in the tests of causes.
"""
