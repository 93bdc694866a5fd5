"""The command line, ``nnparity``: options said once, a module for each group of commands, and what errors become.

Nothing is judged here: each command hands a plan, or files, to the room that does the work.
"""
