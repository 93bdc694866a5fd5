"""The API: one function, one result, one formula of the caller's own, judged in the caller's process and tests.

`check` runs a plan's cases through a function, `assertion` judges the caller's own arrays, `tolerances` gives their
budgets, `arbitration` says which of two results is farther from the truth, `own_formulas` makes a formula of plain
NumPy, `packs` loads formulas from outside and `proofs` proves them. `given` makes cases of arrays and says what is
wrong with them, `judging` and `comparison` are what these share, `results` what they print, `bound` is all of it bound
to a test. Nothing here knows pytest, and a framework only by what the caller hands in.
"""
