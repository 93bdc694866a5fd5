"""Derivatives that are come by in other ways, and two callers at once.

Planted faults of each way are caught by their own dataset alone.
"""
