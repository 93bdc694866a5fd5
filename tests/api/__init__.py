"""The tests of the API: functions, results and formulas of one's own, judged in one's own process.

Each framework has a process of its own; wrong functions are planted, and each is called by its name.
"""
