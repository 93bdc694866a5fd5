"""The two faces, the command line and the pytest plugin: options, exit status, and what is left on the disk.

How a verdict is made is tested in the other folders.
"""
