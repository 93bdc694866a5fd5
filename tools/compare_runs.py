"""Two run files held against each other, verdict by verdict: what is only in one, and what is graded otherwise.

    python tools/compare_runs.py before.jsonl after.jsonl

Names of formulas, cases, targets and quantities tell which verdicts belong together. Grade, margins, ulp, bits, worst
element, record, diagnosis and message must be equal; seconds may differ. Ends with 0 when all are, else with 1.
"""

import json
import sys
from pathlib import Path

SAME = ("grade", "hard", "sharp", "ulp", "bits", "worst", "known", "diagnosis", "message", "note")


def verdicts(path: str) -> dict[tuple[str, ...], dict[str, object]]:
    """(case, target, quantity) -> the verdict."""
    lines = map(json.loads, Path(path).read_text(encoding="utf-8").splitlines())
    return {(v["case"], v["target"], v["quantity"]): v for v in lines if v["kind"] == "verdict"}


def main(before: str, after: str) -> int:
    """Prints each difference, and how many there are."""
    old, new = verdicts(before), verdicts(after)
    for name, one, other in (("before", old, new), ("after", new, old)):
        for key in one.keys() - other.keys():
            print("only", name, *key)
    changed = 0
    for key in old.keys() & new.keys():
        fields = [field for field in SAME if old[key].get(field) != new[key].get(field)]
        changed += bool(fields)
        if fields:
            print(*key, *(f"{field}: {old[key].get(field)} -> {new[key].get(field)}" for field in fields))
    print(f"{len(old)} verdicts before, {len(new)} after, {changed} of those in both differ")
    return int(bool(changed) or old.keys() != new.keys())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
