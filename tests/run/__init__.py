"""A run: plans, the recorder, processes that share the work.

How a verdict is made is tested in `expect` and `judge`.
"""
