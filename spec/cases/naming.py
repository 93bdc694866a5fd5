"""From the id of a case, as verdicts carry it, back to the case; and every signature in words, to take one from.

An id is formula, signature, dataset and dtype.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from nnparity.spec.cases.case import Case
from nnparity.spec.cases.pool import pool
from nnparity.spec.cases.special_values import special_case, specials_of
from nnparity.spec.dtypes import DTYPES
from nnparity.spec.loader import load, signature, signatures
from nnparity.spec.schema import Formula, Signature
from nnparity.spec.usage import UsageError, require

FORM = "formula/signature/dataset/dtype, as in conv2d/n2c3h9w8o4p3q2/normal/float32"


def parts(id: str) -> tuple[str, str, str, str]:
    """Formula, signature, dataset and dtype. Raises UsageError for what is no id of a case."""
    found = id.split("/")
    if len(found) != 4:
        raise UsageError(f"{id!r} is no case: one is called {FORM}")
    require("formula", found[:1], tuple(load()))
    require("dtype", found[3:], load()[found[0]].dtypes, f" of {found[0]}")
    return found[0], found[1], found[2], found[3]


def ordinary(formula: Formula) -> tuple[str, ...]:
    """The datasets of the formula's ordinary cases, those of the pool too."""
    own = [name for one in signatures(formula) for name in one.datasets]
    return tuple(dict.fromkeys((*formula.datasets, *own, *(formula.pool.datasets if formula.pool else ()))))


def find(id: str, salt: str = "") -> Case:
    """The ordinary or special case of that id. Raises UsageError, which says what there is."""
    name, signed, dataset, dtype = parts(id)
    formula = load()[name]
    special = specials_of(formula)
    require("dataset", (dataset,), (*ordinary(formula), *special), f" of {name}")
    if dataset in special:
        case = special_case(formula, dataset, dtype, salt)
        require("signature", (signed,), (case.signature.id,), f" of {name} with {dataset}")
        return case
    return Case(formula, signature_of(formula, signed), dataset, DTYPES[dtype], salt)


def known_signatures(formula: Formula) -> dict[str, Signature]:
    """By id, those that the spec writes out and those of the pool."""
    return {one.id: one for one in (*(drawn.signature for drawn in pool(formula)), *signatures(formula))}


def signature_of(formula: Formula, id: str) -> Signature:
    """The signature of that id: written out, of the pool, or any other sizes that are written alike."""
    written = {one.id: one for one in signatures(formula)}  # the pool is drawn only for what is not written out
    found = written.get(id) or known_signatures(formula).get(id) or _read(formula, id)
    if found is None:
        require("signature", (id,), tuple(known_signatures(formula)), f" of {formula.id}")
    assert found is not None
    return found


def _read(formula: Formula, id: str) -> Signature | None:
    """Sizes that nobody has written out: a hunt draws such. None where they are not the formula's."""
    sizes, *rest = id.split("-", 1)
    table: dict[str, object] = {name: int(size) for name, size in re.findall(r"([a-z_]+?)(\d+)", sizes)}
    table |= _attributes(formula, rest[0] if rest else "")
    first = signatures(formula)[0]
    if not first.dims.keys() <= table.keys():
        return None
    found = signature(formula, table, formula.datasets, {})
    return found if found.id == id and found.dims.keys() == first.dims.keys() else None


def _attributes(formula: Formula, text: str) -> dict[str, object]:
    """What is written of attributes, each of the kind of its default."""
    names: Sequence[str] = sorted(formula.attributes, key=len, reverse=True)
    places = sorted((found.start(), name) for name in names if (found := re.search(rf"(?:^|-){name}(?=\S)", text)))
    table: dict[str, object] = {}
    ends = [place for place, _ in places[1:]] + [len(text)] * bool(places)
    for (start, name), end in zip(places, ends, strict=True):
        written = text[start:end].strip("-").removeprefix(name)
        try:
            table[name] = type(formula.attributes[name])(written)
        except ValueError:
            return {}
    return table


def listed(formulas: Iterable[Formula]) -> Iterator[str]:
    """What ``nnparity list --signatures`` prints: a line for each, with level, dtypes, datasets and size classes."""
    for formula in formulas:
        for one in signatures(formula):
            yield _line(formula, one, one.level, one.dtypes or formula.dtypes)
        for drawn in pool(formula):
            yield _line(formula, drawn.signature, "pool", (drawn.dtype,))


def _line(formula: Formula, one: Signature, level: str, dtypes: tuple[str, ...]) -> str:
    classes = ", ".join(f"{name} {size}" for name, size in one.classes.items())
    return f"{formula.id:28} {one.id:36} {level:6} {','.join(dtypes):34} {','.join(one.datasets):28} {classes}".rstrip()
