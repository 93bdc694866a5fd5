"""Summation: in which order a target adds up, revealed by masks, told in words, and checked to the bit by simulation.

The method is that of FPRev (Xie et al., "FPRev: Revealing floating-point summation order").
"""
