"""Tests of `nnparity.reports.targets`: scores counted another way, certificates, margins on the right side."""
