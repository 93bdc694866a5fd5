"""Files spoilt at random, run files, formulas, packs, records and stores: each is refused by name, or read as it says.

`mutations` spoils bytes, lines, JSON and TOML, `guard` calls what reads a file and bounds its time, and a module for
each kind of file says what must hold. `tools/fuzz_files.py` runs thousands, the test here some dozens.
"""
