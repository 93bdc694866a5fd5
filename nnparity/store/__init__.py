"""The store: what was computed before, kept on disk from run to run, and never believed without its checksum.

`encoding` makes bytes of a result, `database` keeps them in one SQLite file, `sources` says on which code they depend,
`questions` gives a computation its name, `memory` is what this process asks, and `transfer` carries a store elsewhere.
Nothing here knows what a formula is, and nothing that goes wrong here ends a run: it is computed again, and said.
"""
