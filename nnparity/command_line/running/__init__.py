"""What surrounds a run on the command line: one run a folder, interrupts, and what the terminal says at its end.

Not here: the options and commands, which are beside this folder, and the run itself (`nnparity/run`).
"""
