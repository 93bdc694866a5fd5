"""What adapters do with private names of frameworks, and what their processes hide: nothing that changes a result.

Where a private name is replaced, a process with it and one without are asked, and bits are compared.
"""
