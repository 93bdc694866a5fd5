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
from collections.abc import Collection
from pathlib import Path
from typing import Any

from nnparity.adapters.registry import FOLDER
from nnparity.judge.known_divergences import load
from nnparity.reports.records import Environment, TargetLine, Verdict, read_run


def scopes(path: Path, there: Collection[str] = ()) -> dict[str, Any]:
    """CPU, versions, totals by dtype of targets that are not `there` yet, and target -> case -> quantity -> grade."""
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
        "total": dict(Counter(verdict.dtype for verdict in verdicts if verdict.target not in there)),
        "verdicts": found,
    }


def added(found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What was held before, with the targets that were run now; totals are those of all."""
    return {
        "cpu": before["cpu"],
        "versions": {**before["versions"], **found["versions"]},
        "total": dict(Counter(before["total"]) + Counter(found["total"])),
        "verdicts": {**before["verdicts"], **found["verdicts"]},
    }


if __name__ == "__main__":
    earlier = [json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[2:]]
    run = scopes(Path(sys.argv[1]), [target for one in earlier for target in one["verdicts"]])
    for one in earlier:
        run = added(run, one)
    json.dump(run, sys.stdout, indent=0, sort_keys=True)
