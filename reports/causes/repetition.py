"""What came when a case that fails was asked once more, as the messages of its verdicts say it."""

from collections import Counter
from collections.abc import Iterable

from nnparity.reports.formatting import count
from nnparity.reports.records import ONCE_MORE, OTHER_BITS, Verdict


def once_more(verdict: Verdict) -> str:
    """What it gave, such as "other bits, and diverges"; nothing where it was not asked, or gave the same bits."""
    return (verdict.message or "").partition(ONCE_MORE)[2]


def moved(verdict: Verdict) -> bool:
    """Whether it gave other bits."""
    return once_more(verdict).startswith(OTHER_BITS)


def told(verdicts: Iterable[Verdict]) -> str:
    """What several gave, and how many of them that; nothing where none says anything."""
    counted = Counter(said for one in verdicts if (said := once_more(one)))
    return "; ".join(f"{said} ({count(number)})" for said, number in counted.most_common())
