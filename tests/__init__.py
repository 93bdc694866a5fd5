"""The tests: `conformance` is the product and runs against a backend, the other folders test the suite itself.

A folder for each room of the house, and `mutation`, `packaging` and `command_line` for what concerns several.
"""
