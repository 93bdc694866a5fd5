"""The answer as one JSON object: its sentence, and every count in it."""

from typing import Any

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.answer import Answer
from nnparity.reports.causes.news import News
from nnparity.reports.differences import Differences


def answered(aggregate: Aggregate) -> dict[str, Any]:
    """What a run comes to; with a baseline also what changed since, and what of that is news."""
    told = _counted(aggregate.answer)
    return told if aggregate.changes is None else told | _since(aggregate.changes, aggregate.news)


def _counted(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.told,
        "verdicts": answer.verdicts,
        "formulas": answer.formulas,
        "targets": answer.targets,
        "judged": answer.judged,
        "grades": dict(answer.grades),
        "failing": answer.failing,
        "failing_not_on_record": answer.unrecorded,
        "new_causes": list(answer.new),
        "new_classes": dict(answer.new_classes),
        "known_causes": answer.known,
        "known_classes": dict(answer.classes),
        "stale_records": list(answer.stale),
        "targets_not_judged": list(answer.idle),
        "runs_cut_short": answer.cut_short,
        "shares_missing": [f"{one.named} of {one.count}" for one in answer.missing],
        "not_run": [says.format(what=what) for says, what in answer.not_run],
    }


def _since(found: Differences, news: News) -> dict[str, Any]:
    return {"changed": found.counts(), "news": len(news.changes), "newly_stale_records": list(news.stale)}
