"""The further checks, on targets with one fault each: `faulty` has the faults, `inside` runs them in this process.

What a framework really does is not asked here; the conformance tests do.
"""
