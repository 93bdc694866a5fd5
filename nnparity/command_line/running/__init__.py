"""What surrounds a run on the command line: one run a folder, the report of before, the time left, scripts, the end.

Interrupts too. Not here: the options and commands, which are beside this folder, and the run itself (`nnparity/run`).
"""
