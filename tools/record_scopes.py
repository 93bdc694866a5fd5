"""The verdicts of runs that lie in the scope of some known divergence: what tests/judge/known_scope.json holds.

    python tools/record_scopes.py RUN.jsonl MORE.jsonl FLOAT16.jsonl BFLOAT16.jsonl > tests/judge/known_scope.json
    python tools/record_scopes.py tests/judge/known_scope.json RUN.jsonl > new.json
    python tools/record_scopes.py --wide RUN.jsonl

The second adds a run to those of the file. Of each run it holds CPU and versions, how many verdicts there were of each
dtype, and those in some scope that no run before it has. The first is that of `make parity`, in all dtypes; those of
the same targets in float16 and in bfloat16 alone are there since determinism, threads, the sizes one and none and
inputs to reject are tried in one dtype of a run, float32 where it has that; those of the whole pool (`--pool all`), of
targets that compile nothing, since other sizes may be right where a record speaks of all. Of these it holds only what
says how wide a record is: most lie in the scope of records that other numbers show. The file's test holds every record
against it, without a framework: run this when records or budgets change.

The third names the records that are too wide for a run, one of the whole pool, say: of those that a new record covers
the file may have none. It ends with status 1 if there are any. Ask it of a run of all targets that the record names.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nnparity.adapters.registry import FOLDER
from nnparity.judge.known_divergences import Known, Ledger, load
from nnparity.reports.records import Environment, Line, TargetLine, Verdict, read_run

#: What names a verdict within a run: its target, case and quantity.
Key = tuple[str, str, str]
#: The part of the verdicts in a record's scope that may be right all the same.
MOST = 0.25


def scopes(path: Path) -> dict[str, Any]:
    """A run: CPU, versions, totals by dtype, and target -> case -> quantity -> grade."""
    lines = list(read_run(path))
    environment = next(line for line in lines if isinstance(line, Environment))
    known = [one for one in load(FOLDER) if measured(one) or not of_the_pool(environment)]
    versions = {line.target: line.versions for line in lines if isinstance(line, TargetLine) and line.available}
    verdicts = [line for line in lines if isinstance(line, Verdict)]
    found: dict[str, dict[str, dict[str, str]]] = {}
    for verdict in verdicts:
        if any(one.speaks_of(verdict) for one in known):
            cases = found.setdefault(verdict.target, {})
            cases.setdefault(verdict.case, {})[verdict.quantity] = verdict.grade
    return {
        "cpu": environment.cpu,
        "instructions": environment.instructions,
        "versions": {target: versions[target] for target in found},
        "total": dict(Counter(verdict.dtype for verdict in verdicts)),
        "verdicts": found,
    }


def measured(known: Known) -> bool:
    """Whether these runs say how wide the record is: other numbers, or what varies, have theirs elsewhere."""
    return not (known.salt or known.varies)


def of_the_pool(run: Environment) -> bool:
    """Whether some target was asked all sizes of its pool: the plan says "torch:cpu: 2330 of 2330 signatures"."""
    return any(re.search(r" (\d+) of \1 signatures$", one) for one in run.plan["pool"])


def wide(records: Iterable[Known], lines: Iterable[Line]) -> Iterator[str]:
    """The records of which more than a quarter of what they cover in a run is right, with how much.

    Those of sizes that only the pool has are asked of runs of the pool.
    """
    ledger, versions, found = Ledger(records), dict[str, dict[str, str]](), dict[str, Counter[bool]]()
    pool, present = False, ()
    for line in lines:
        if isinstance(line, Environment):
            pool, present = of_the_pool(line), line.instructions
        elif isinstance(line, TargetLine):
            versions[line.target] = line.versions
        elif isinstance(line, Verdict):
            for one in ledger.about(line.formula, line.target):
                if (pool or not one.pool) and one.covers(line, versions[line.target], present):
                    found.setdefault(one.id, Counter())[line.grade in ("conforms", "inconclusive")] += 1
    for id, counted in sorted(found.items()):
        if counted[True] > MOST * counted.total():
            yield f"{id}: {counted[True]} of {counted.total()} in its scope are right"


def graded(verdicts: dict[str, dict[str, dict[str, str]]]) -> Iterator[tuple[Key, str]]:
    """The verdicts of a run in the file, with their grades."""
    for target, cases in verdicts.items():
        for case, grades in cases.items():
            for quantity, grade in grades.items():
                yield (target, case, quantity), grade


def added(runs: list[dict[str, Any]], run: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of before, and of this one what none of them has."""
    there = {key for one in runs for key, _ in graded(one["verdicts"])}
    new: dict[str, dict[str, dict[str, str]]] = {}
    for (target, case, quantity), grade in graded(run["verdicts"]):
        if (target, case, quantity) not in there:
            new.setdefault(target, {}).setdefault(case, {})[quantity] = grade
    return [*runs, run | {"verdicts": new}]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wide"]:
        records = [one for one in load(FOLDER) if measured(one)]
        sys.exit("\n".join(told for path in sys.argv[2:] for told in wide(records, read_run(Path(path)))) or 0)
    found: list[dict[str, Any]] = []
    for path in map(Path, sys.argv[1:]):
        several = [scopes(path)] if path.suffix == ".jsonl" else json.loads(path.read_text(encoding="utf-8"))
        for one in several:
            found = added(found, one)
    json.dump(found, sys.stdout, indent=0, sort_keys=True)
