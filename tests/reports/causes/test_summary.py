"""`summary.md`: answer, causes and matrix, in as much detail as 60 kB hold."""

from typing import Any

import pytest

from nnparity.reports import merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.records import KnownLine
from nnparity.reports.render.summary import summary

#: Bytes; GitHub takes 65,536 characters in a comment.
MOST = 60_000


@pytest.mark.parametrize("number", [3, 200, 3_000])
@pytest.mark.parametrize("known", [True, False])
def test_it_is_small_whatever_fails_and_says_the_answer(number: int, known: bool, verdict: Any, write: Any) -> None:
    ids = [f"record-{place}" for place in range(number)]
    verdicts = [
        verdict("diverges", formula=f"formula_{place % 40}", signature=f"n{place}", known=id if known else None)
        for place, id in enumerate(ids)
    ]
    verdicts = verdicts if known else [verdict("diverges", formula=id, diagnosis="zeros") for id in ids]
    records = [KnownLine(id, "wrong result", f"because of {id}: " + "word " * 60) for id in ids if known]
    text = summary(Aggregate(merge([write(*verdicts, *records)])))
    assert len(text.encode()) <= MOST
    says = f"Nothing new. {number:,} known causes, {number:,} of them" if known else f"{number:,} new divergences: "
    assert says in text
    if number == 3:
        assert ("word word" in text) == known
        assert "## Matrix" in text
        assert text.count("nnparity reproduce ") == 3


def test_names_of_any_length_are_cut(verdict: Any, write: Any) -> None:
    verdicts = [verdict("diverges", formula=f"{number}{'x' * 5_000}") for number in range(30)]
    text = summary(Aggregate(merge([write(*verdicts)])))
    assert len(text.encode()) <= MOST
    assert "cut here" in text
