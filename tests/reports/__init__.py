"""Reports: run files read and merged, numbers, Markdown and HTML, on synthetic runs (`conftest`).

No target is run here; a report knows only what stands in a run file.
"""
