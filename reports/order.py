"""The order of verdicts and facts: that of the plan, whichever of several processes came first with its part of them.

What one unit of the plan tells falls in its own order, which stays.
"""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cache, lru_cache

from nnparity.reports.records import DTYPES, REPEATED, Environment, Fact, Verdict

#: The datasets of a case that is asked for again, or in another way, as patterns.
ASKED_AGAIN = (
    "after a refused call",
    *(*REPEATED, "same tensors again", "first sample alone", "inputs overwritten in place", "mapped over samples"),
    *(
        "gradient of * alone",
        "gradients without *",
        "gradients of the parameters alone",
        "second backward pass",
        "pulled back after another call",
        "mapped over three sets of weights",
        "mapped over three of the last weight",
        "mapped over three cotangents",
        "after a call with NaN",
        "after a larger call with NaN",
        "integers of 32 bits",
        "other attributes",
        "two callers at once",
        "forward derivative by a double VJP",
        "tangent of * alone",
        "tangents without *",
        "tangents of the parameters alone",
        "cotangent of * alone",
        "infinite cotangent",
        "forward over reverse",
        "reverse over reverse",
        "reverse over forward",
        "forward over forward",
    ),
)
#: The layouts that a case may have.
LAYOUTS = (
    *("transposed", "strided", "sliced", "second axis sliced", "unaligned", "expanded", "cotangents of a sum"),
    *("aliased", "channels last", "mixed", "mixed from the second"),
)
#: The datasets of the checks beside the ordinary cases, as patterns. A test holds them against the checks.
CHECKS = (
    *("nan", "nan in others", "several nan", "nan rows", "infinity", "infinity in others"),
    *("infinity times zeros", "zeros times infinity"),
    *("zeros", "largest", "subnormal", "initial constants"),
    *("empty", "size one", "size one of *", "* of zero", "equal sizes"),
    *(
        "ties",
        "masked",
        "all masked",
        "all nan",
        "masked blocks",
        "very negative logits",
        "rejects: *",
        *ASKED_AGAIN,
        "all cores",
        "several threads",
        "all cores, one sample",
        "sweep",
    ),
    *LAYOUTS,
)


@lru_cache(maxsize=4096)
def check(dataset: str) -> int:
    """Which of the checks beside the ordinary cases a dataset is one of; -1 of an ordinary one."""
    return next((place for place, pattern in enumerate(CHECKS) if fnmatchcase(dataset, pattern)), -1)


def checked(dataset: str) -> bool:
    """Whether a dataset is one of the checks beside the ordinary cases."""
    return check(dataset) >= 0


def as_asked(environments: Iterable[Environment]) -> Callable[[str], tuple[int, str]]:
    """What targets are ordered by: their place in the plans of these runs, then their name."""
    order = list(dict.fromkeys(name for one in environments for name in one.plan.get("targets", ())))

    @cache
    def place(target: str) -> tuple[int, str]:
        usual = (at for at, name in enumerate(order) if target.startswith(f"{name}:"))  # asked for without a mode
        return (order.index(target) if target in order else next(usual, len(order))), target

    return place


def verdicts_in_order(
    verdicts: Iterable[Verdict], formulas: Iterable[str], environments: Iterable[Environment] = ()
) -> list[Verdict]:
    """By formula as in the plan, or as they fell where it does not tell, then by dtype, check and target.

    Processes may have a target each: what one unit tells of several need not fall together.
    """
    places = {name: place for place, name in enumerate(formulas)}
    found, asked = list(verdicts), as_asked(environments)
    for one in found:
        places.setdefault(one.formula, len(places))
    return sorted(
        found, key=lambda one: (places[one.formula], dtype_place(one.dtype), check(one.dataset), asked(one.target))
    )


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
