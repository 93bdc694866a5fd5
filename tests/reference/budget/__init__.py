"""Tests of the reading `Budget`, rule by rule.

What all readings share, and the honest machine that all of them are held against, is tested a folder above.
"""
