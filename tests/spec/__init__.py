"""The spec: that it is read, refused where it is malformed, and draws the same numbers everywhere.

`toy` is a formula of no chapter, for the machinery. What a formula's value is, is tested in `reference`.
"""
