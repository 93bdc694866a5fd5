"""The answer as a badge: `badge.svg`, and the JSON that shields.io makes one of."""

import json

from markupsafe import escape

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.answer import Answer
from nnparity.reports.formatting import count

LABEL = "nnparity"
#: Names of shields.io, and the colours they stand for. White on each has a contrast of at least 4.5.
COLOURS = {"success": "#0f7a5a", "critical": "#b3261e", "inactive": "#5f6368"}
#: Points that a character takes, about, and those beside a text.
_WIDTH, _ROOM = 6.6, 12.0
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>{label}: {message}</title>
<rect width="{left}" height="20" fill="#3c4043"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{first}" y="14">{label}</text><text x="{second}" y="14">{message}</text>
</g>
</svg>
"""


def shields(aggregate: Aggregate) -> str:
    """The endpoint's JSON."""
    message, colour = _said(aggregate)
    told = {"schemaVersion": 1, "label": LABEL, "message": message, "color": colour}
    return json.dumps(told, ensure_ascii=False) + "\n"


def badge(aggregate: Aggregate) -> str:
    """The same as a drawing."""
    message, colour = _said(aggregate)
    left, right = (round(len(text) * _WIDTH + _ROOM, 1) for text in (LABEL, message))
    return _SVG.format(
        width=round(left + right, 1),
        left=left,
        right=right,
        first=left / 2,
        second=round(left + right / 2, 1),
        colour=COLOURS[colour],
        label=LABEL,
        message=escape(message),
    )


def _said(aggregate: Aggregate) -> tuple[str, str]:
    """A few words, and the name of a colour."""
    answer = aggregate.answer
    if aggregate.only_news:
        return _said_of_news(aggregate)
    if not answer.judged:
        return "nothing judged", "inactive"
    if answer.new:
        return f"{count(len(answer.new))} new", "critical"
    if answer.incomplete or answer.stale:
        return "incomplete" if answer.incomplete else f"{count(len(answer.stale))} stale", "critical"
    if answer.idle:
        return _unjudged(answer), "critical"
    return f"nothing new, {count(answer.known)} known", "success"


def _said_of_news(aggregate: Aggregate) -> tuple[str, str]:
    """The same where only what is news since the baseline fails: what no record knows of is counted beside it."""
    answer, news = aggregate.answer, aggregate.news
    if news.told:
        counted = (("verdicts", news.changes), ("stale", news.stale))
        return "news: " + ", ".join(f"{count(len(one))} {what}" for what, one in counted if one), "critical"
    if not answer.judged:
        return "nothing judged", "inactive"
    if answer.incomplete or answer.idle:
        return "incomplete" if answer.incomplete else _unjudged(answer), "critical"
    unrecorded = f"{count(len(answer.new))} on no record, " if answer.new else ""
    return f"no news, {unrecorded}{count(answer.known)} known", "success"


def _unjudged(answer: Answer) -> str:
    """Of how many targets nothing was judged, where others were: the run has failed for it."""
    return f"nothing judged on {count(len(answer.idle))} of {count(answer.targets)} targets"
