"""Porting: two implementations of one model, layer by layer, each layer judged on what it really received.

`pairing` finds each layer's counterpart and `pairs` judges the two; `between` is what lies between layers, by the
names that `connections` has for it, and `unmatched` judges those without a counterpart. `comparison` is all of it,
`rows` and `result` what is told. `port` is the function of the API, for models at hand; `processes` has each model in a
process of its own.
"""
