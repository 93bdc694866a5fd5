"""Expectations: which quantities, values and budgets a case has, and how far a training run can be told.

The rules by which a budget comes about are tested with the readings, in `reference`.
"""
