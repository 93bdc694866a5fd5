"""A run for other programs.

`junit` is what CI systems show, `badge` a drawing of the answer, `parquet` a table of the verdicts, `query` asks it in
SQL, and `schema` describes a line of the run file. `unread` is for output that nobody reads any more.
"""
