"""Tests of what somebody needs who writes an adapter: the skeleton, formulas shown, what is wrong told at once,
files that are called like their framework, devices and records of one's own.
"""
