"""The reference and its readings: formulas proven by derivative and enclosure, rules of each reading by themselves.

`machine` computes honestly in a narrow format: whatever it returns must conform. No framework is used here.
"""
