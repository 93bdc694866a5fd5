"""What only all verdicts of a run together tell, as cells of the report's further tables.

`sensitivities` says how far the verdicts of a formula could see, `traceability` which verdicts stand for each formula.
"""
