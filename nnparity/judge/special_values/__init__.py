"""Special values: the rules that judge NaN, infinities and the sign of zero, and what explains an answer against them.

`rules` holds an array against what the formula gives and what its spec permits, element by element; `diagnosis` names
the faults that make just those elements wrong, where nothing is a matter of digits.
"""
