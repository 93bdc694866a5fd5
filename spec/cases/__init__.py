"""Cases: the numbers that formulas are tried on, drawn from the case's id alone.

`case` is a formula on a dataset in a dtype, `datasets` draws values, `samples` are real data, `special_values`,
`invalid_inputs` and `sweeps` the cases of the further checks. No expected value and no target is known here.
"""
