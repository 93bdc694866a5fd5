"""Mutation: faults planted one at a time into a target, the plan run, caught or not; and how small an error is seen.

A fault changes what the target is asked, or what it answers, as a bug of a kernel would: see `fault`. What belongs
here is what measures the suite; what measures a target does not.
"""
