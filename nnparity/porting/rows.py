"""What is told of one pair of layers, of one layer without a counterpart, or of what lies between two layers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nnparity.reports.formatting import badness, margin, significant
from nnparity.reports.records import GRADES, PASSING, Number, Verdict

#: A layer without a counterpart that nothing explains.
UNMATCHED = "unmatched"
#: A pair of other parameters or settings, of which these inputs show nothing.
DIFFERS = "differs"


@dataclass(frozen=True)
class Row:
    """A layer of a and its counterpart in b, either of which may be missing.

    `own_a` and `own_b` judge what each returned for what it received itself, by its own formula and parameters.
    `ported` judges b's layer on what a's received, against a's formula and parameters: in this one a port is right or
    wrong. Where the type is none that we have a formula for, `ratio` is the error of b's layer over that which what it
    received explains. `received` and `returned` are the differences of the two models, relative, in the root mean
    square of the whole or of the row that is farthest off, whichever is larger. Of several inputs `received` is that
    of the first, or of the one `beside` it that is farther apart, as far as b's layer shows that in its result.
    """

    kind: str
    a: str = ""
    b: str = ""
    grade: str = "conforms"
    own_a: Verdict | None = None
    own_b: Verdict | None = None
    ported: Verdict | None = None
    ratio: float | None = None
    received: float | None = None
    returned: float | None = None
    beside: str = ""
    #: The layer of the same model that receives, as it is, what one without a counterpart returns.
    behind: str = ""
    #: Whether whole numbers are received: there is no rounding in these, they are the same or wrong.
    exact: bool = False
    #: Why it departs, the likeliest first.
    why: Sequence[str] = field(default=())
    #: What else is to be said of it.
    notes: Sequence[str] = field(default=())

    @property
    def departs(self) -> bool:
        """Whether something is wrong here."""
        return self.grade not in (*PASSING, UNMATCHED, DIFFERS)

    @property
    def told(self) -> tuple[str, ...]:
        """The cells of a table."""
        says = "; ".join([*self.why, *self.notes])
        return (
            *(self.a or "–", self.b or "–", self.kind, self.grade),
            *(_margin(one) for one in (self.own_a, self.own_b)),
            _margin(self.ported) if self.ratio is None else f"{significant(self.ratio, 2)} (ratio)",
            *(significant(one, 2) for one in (self.received, self.returned)),
            says,
        )


HEADERS = ("layer of a", "layer of b", "kind", "grade", "a", "b", "b on a's", "received", "returned", "what is wrong")


def _margin(verdict: Verdict | None) -> str:
    """Error over budget, of the norm that is worse."""
    if verdict is None or verdict.hard is None:
        return "–" if verdict is None else "∞"
    return margin(max((verdict.hard, verdict.sharp), key=badness))


def passes(verdict: Verdict) -> bool:
    """Whether there is nothing wrong, or what is wrong is the framework's, and on record."""
    return verdict.grade in PASSING or verdict.known is not None


def worst(grades: Sequence[str]) -> str:
    """The worst of several grades."""
    return max(grades, key=GRADES.index, default="conforms")


def largest(numbers: Sequence[Number | None]) -> float:
    """The largest of those that are there, 0 if none is."""
    return max((badness(one) for one in numbers if one is not None), default=0.0)
