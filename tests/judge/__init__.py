"""The judge: grades, diagnoses, correlated errors, known divergences, on arrays and verdicts made by hand.

No target is started here. Whether real faults are caught is measured in `mutation`.
"""
