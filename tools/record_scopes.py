"""The verdicts of a run that lie in the scope of some known divergence: what tests/judge/known_scope.json holds.

    python tools/record_scopes.py reports/out/parity.jsonl > tests/judge/known_scope.json

With the CPU and the versions of the run, and how many verdicts there were of each dtype. The file's test holds every
record against it, without a framework: run this after `make parity` when records or budgets change.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from nnparity.adapters.registry import FOLDER
from nnparity.judge.known_divergences import load
from nnparity.reports.records import Environment, TargetLine, Verdict, read_run


def scopes(path: Path) -> dict[str, object]:
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


if __name__ == "__main__":
    json.dump(scopes(Path(sys.argv[1])), sys.stdout, indent=0, sort_keys=True)
