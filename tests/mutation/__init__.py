"""Planted faults: every variant of the spec, and bugs put into the adapters of frameworks, are caught and named.

A fault that the suite should see belongs here; the rules by which it is seen are tested beside their room.
"""
