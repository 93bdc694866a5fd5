"""One pair of layers: what a's received is brought into b's order, b's is run on it, and held against a's formula.

`formulas` are the layers that have one, `question` what is expected of a layer, `layouts` brings what both received
into one order, `parameters` says how weights and settings differ, `ratios` judges what has no formula, `records` says
what is on record of a framework's kernel, and `pair` is all of it.
"""
