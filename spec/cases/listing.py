"""Every signature in words: what ``nnparity list --signatures`` prints."""

from collections.abc import Iterable, Iterator

from nnparity.spec.cases.pool import pool
from nnparity.spec.loader import signatures
from nnparity.spec.schema import Formula, Signature


def listed(formulas: Iterable[Formula]) -> Iterator[str]:
    """One line each: formula, signature, level or the pool, dtypes, datasets, and the classes of its sizes."""
    for formula in formulas:
        for one in signatures(formula):
            yield _line(formula, one, one.level, formula.dtypes)
        for drawn in pool(formula):
            yield _line(formula, drawn.signature, "pool", (drawn.dtype,))


def _line(formula: Formula, one: Signature, level: str, dtypes: tuple[str, ...]) -> str:
    classes = ", ".join(f"{name} {size}" for name, size in one.classes.items())
    return f"{formula.id:28} {one.id:36} {level:6} {','.join(dtypes):34} {','.join(one.datasets):28} {classes}".rstrip()
