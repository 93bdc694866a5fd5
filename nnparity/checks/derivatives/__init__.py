"""Derivatives beside those of ordinary cases: the same ones come by in other ways, and gradients after an overflow.

`ways` are other code to the same numbers, judged as ordinary cases are. `overflow` is a cotangent that is infinite, as
loss scaling makes one: where it comes back gradients must show it.
"""
