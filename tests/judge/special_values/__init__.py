"""Special values judged on arrays made by hand: what explains an answer that is none of what is permitted.

That the faults of a target are found at all is tested in `checks`.
"""
