"""What special values, and what a row's later blocks, show of a kernel; and the state that it leaves its thread in.

Planted faults of each are caught by the core plan.
"""
