"""The adapters, without the judge: what the base does with a request, and frameworks against finite differences.

`formulas` and `compare` know nothing of the reference, so that both are not wrong alike. Tolerances are allowed here.
"""
