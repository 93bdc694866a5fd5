"""What surrounds a run on the command line: one run a folder, the report of before, interrupts, and how it ended.

Not here: the options and commands, which are beside this folder, and the run itself (`nnparity/run`).
"""
