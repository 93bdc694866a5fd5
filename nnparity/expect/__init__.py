"""Expectations: the value and the budgets of every quantity of a case, from the reference and its readings.

`expected` is what comes out, `budgets` makes it, `evaluation` runs the reference, `proof` proves float64 values,
`monte_carlo` simulates machines, `training_horizon` says how far a training run can be told, and `kept` asks the store
before any of them. No target is known here.
"""
