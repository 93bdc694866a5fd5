"""The judge: an observation held against its expectation becomes a grade, and where it fails a diagnosis.

`grades` is the verdict, `elements` the rules for single elements, `special_values` those of NaN, infinities and
zeros, `effective_sample_size` weighs errors that go together, `diagnosis` names faults, `known_divergences` keeps what
is on record, `applicability` says of which versions and processors that is, `recorded_expectations` judges by it,
`narrower` tells roundings from other errors of their size. No target is started here, no file written.
"""
