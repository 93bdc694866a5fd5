"""What adapters do with private names of frameworks: nothing that changes a result.

Each test asks a process with what the adapter does, and one without, and compares bits.
"""
