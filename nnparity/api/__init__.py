"""The API: one function, one result, one formula of the caller's own, judged in the caller's process and tests.

`check` runs a plan's cases through a function, `assertion` judges the caller's own arrays, `tolerances` gives their
budgets, `arbitration` says which of two results is farther from the truth, `own_formulas` makes a formula of plain
NumPy. `given` makes cases of arrays and says what is wrong with them, `judging` is what all of them share, `results`
and `message` what they print. Nothing here knows pytest, and a framework only by what the caller hands in.
"""
