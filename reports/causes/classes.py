"""The classes of a divergence, worst first: how each is called, shown and explained, and which one a verdict has."""

from nnparity.reports.records import Verdict

NO_ANSWER = "no answer"
#: The classes of records, worst first; those of `judge.recorded_expectations.Class`, as a test holds.
RECORDED = (
    "wrong result",
    NO_ANSWER,
    "reduced precision",
    "special value",
    "input not rejected",
    "documented convention",
    "nondeterminism",
)
UNTOLD = "class not told"
#: All that something that fails may be, worst first.
CLASSES = (*RECORDED, UNTOLD)
#: What nothing fails in may be.
FINE = ("conforms", "inconclusive", "unsupported", "not run")
#: A sign for each, so that colour is never the only one. All of them are in every font.
SIGNS = {
    "wrong result": "✗",
    "no answer": "†",
    "reduced precision": "≈",
    "special value": "∞",
    "input not rejected": "!",
    "documented convention": "§",
    "nondeterminism": "≠",
    "class not told": "¿",
    "conforms": "✓",
    "inconclusive": "?",
    "unsupported": "–",
    "not run": "·",
}
#: What each means, for the legend.
MEANINGS = {
    "wrong result": "ordinary numbers beyond the hard budget",
    "no answer": "the target raised an exception, died, or did not answer in time",
    "reduced precision": "the right formula with bits missing",
    "special value": "another NaN, infinity or zero at the edge of what the formula is defined for",
    "input not rejected": "an answer to inputs that have none",
    "documented convention": "computed as the framework documents it, which is not what the formula says",
    "nondeterminism": "other bits for the same case once more",
    "class not told": "on record; this run file has no line that says of which class",
    "conforms": "error within both budgets",
    "inconclusive": "within budgets so wide that a plainly wrong answer would be so too",
    "unsupported": "nothing to judge: the adapter declares it, with a reason",
    "not run": "no verdict in this run",
}
#: Datasets of numbers at the edge, as cases name them: the beginnings of their names.
_EDGES = (
    *("nan", "several nan", "all nan", "infinity", "infinite cotangent", "zeros", "largest", "subnormal", "empty"),
    *("ties", "all masked", "masked blocks"),
)
_GRADES = {
    "imprecise": "reduced precision",
    "nondeterministic": "nondeterminism",
    "error": NO_ANSWER,
    "crashed": NO_ANSWER,
    "timed out": NO_ANSWER,
}


def supposed(verdict: Verdict) -> str:
    """The class of a verdict that no record explains, as far as its grade, its dataset and its diagnosis tell.

    A wrong reading that the diagnosis names stays a wrong result: that a framework documents it, a record alone says.
    """
    if verdict.grade in _GRADES:
        return _GRADES[verdict.grade]
    if verdict.dataset.startswith("rejects"):
        return "input not rejected"
    if verdict.dataset.startswith(_EDGES):
        return "special value"
    return "reduced precision" if verdict.narrower else "wrong result"


def rank(name: str) -> int:
    """The place of a class, the worst at 0; one unknown here is with those that were not told."""
    return CLASSES.index(name) if name in CLASSES else CLASSES.index(UNTOLD)
