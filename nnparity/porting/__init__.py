"""Porting: two implementations of one model, layer by layer, each layer judged on what it really received.

`formulas` are the layers that have one, `question` what is expected of a layer, `pairing` finds each one's
counterpart, `layouts` brings what both received into one order, `parameters` says how weights and settings differ,
`layers` judges a pair, by `ratios` where it has no formula, `between` what lies between layers, by the names that
`connections` has for it, and `unmatched` those without a counterpart; `comparison` is all of it, `rows` and `result`
what is told. `port` is the function of the API, for models at hand; `processes` has each in a process of its own.
"""
