"""The verdicts of a run that lie in the scope of some known divergence: what tests/judge/known_scope.json holds.

    python tools/record_scopes.py reports/out/parity.jsonl > tests/judge/known_scope.json
    python tools/record_scopes.py reports/out/more/parity.jsonl tests/judge/known_scope.json > new.json

The second adds the targets of a run to those of the file. With the CPU and the versions of the run, and how many
verdicts there were of each dtype. The file's test holds every record against it, without a framework: run this after
`make parity` and `make more` when records or budgets change.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from nnparity.adapters.registry import FOLDER
from nnparity.judge.known_divergences import load
from nnparity.reports.records import Environment, TargetLine, Verdict, read_run


def scopes(path: Path) -> dict[str, Any]:
    """CPU, versions, totals by dtype, and target -> case -> quantity -> grade."""
    lines, known = list(read_run(path)), load(FOLDER)
    versions = {line.target: line.versions for line in lines if isinstance(line, TargetLine) and line.available}
    verdicts = [line for line in lines if isinstance(line, Verdict)]
    found: dict[str, dict[str, dict[str, str]]] = {}
    for verdict in verdicts:
        if any(one.speaks_of(verdict) for one in known):
            cases = found.setdefault(verdict.target, {})
            cases.setdefault(verdict.case, {})[verdict.quantity] = verdict.grade
    return {
        "cpu": next(line.cpu for line in lines if isinstance(line, Environment)),
        "versions": {target: versions[target] for target in found},
        "total": dict(Counter(verdict.dtype for verdict in verdicts)),
        "verdicts": found,
    }


def added(found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What was held before, with the targets that were run now; totals are those of all."""
    kept = {name: cases for name, cases in before["verdicts"].items() if name not in found["verdicts"]}
    total = Counter(before["total"]) + Counter(found["total"])
    return {
        "cpu": before["cpu"],
        "versions": {**before["versions"], **found["versions"]},
        "total": dict(total if len(kept) == len(before["verdicts"]) else before["total"]),
        "verdicts": {**kept, **found["verdicts"]},
    }


if __name__ == "__main__":
    run = scopes(Path(sys.argv[1]))
    for earlier in sys.argv[2:]:
        run = added(run, json.loads(Path(earlier).read_text(encoding="utf-8")))
    json.dump(run, sys.stdout, indent=0, sort_keys=True)
