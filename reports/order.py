"""The order of verdicts and facts: that of the plan, whichever of several processes came first with its part of them.

What one unit of the plan tells falls in its own order, which stays.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from nnparity.reports.records import DTYPES, Fact, Verdict

#: The datasets of the checks beside the ordinary cases, as patterns. A test holds them against the checks.
CHECKS = (
    *("nan", "nan in others", "infinity", "infinity in others", "zeros", "largest", "subnormal", "size one", "empty"),
    *(
        "ties",
        "masked",
        "all masked",
        "rejects: *",
        "again",
        "in another process",
        "first sample alone",
        "all cores",
        "sweep",
    ),
    *("transposed", "strided", "unaligned", "expanded", "aliased", "channels last"),
)


@lru_cache(maxsize=4096)
def check(dataset: str) -> int:
    """Which of the checks beside the ordinary cases a dataset is one of; -1 of an ordinary one."""
    return next((place for place, pattern in enumerate(CHECKS) if fnmatchcase(dataset, pattern)), -1)


def checked(dataset: str) -> bool:
    """Whether a dataset is one of the checks beside the ordinary cases."""
    return check(dataset) >= 0


def verdicts_in_order(verdicts: Iterable[Verdict], formulas: Iterable[str]) -> list[Verdict]:
    """By formula as in the plan, or as they fell where it does not tell, then by dtype and check."""
    places = {name: place for place, name in enumerate(formulas)}
    found = list(verdicts)
    for one in found:
        places.setdefault(one.formula, len(places))
    return sorted(found, key=lambda one: (places[one.formula], dtype_place(one.dtype), check(one.dataset)))


def facts_in_order(facts: Iterable[Fact], formulas: Iterable[str]) -> list[Fact]:
    """By table, then formula and dtype, where rows and columns begin and end with one; what does not comes first."""
    places = {name: place for place, name in enumerate(formulas)}
    return sorted(
        facts,
        key=lambda one: (
            one.table,
            places.get(one.row.partition(":")[0], -1),
            (dtype := one.column.rpartition(" ")[2]) in DTYPES,
            dtype_place(dtype),
        ),
    )


def dtype_place(name: str) -> int:
    """Widest dtype first, those unknown here last."""
    return DTYPES.index(name) if name in DTYPES else len(DTYPES)
