"""Reads the spec and refuses what is wrong in it, naming the file and the field."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from nnparity.spec import shapes
from nnparity.spec.cases import datasets
from nnparity.spec.cases.sizes import KINDS
from nnparity.spec.dtypes import DTYPES
from nnparity.spec.schema import BOUNDED, DOMAINS, LEVELS, Formula, Pool, Signature
from nnparity.spec.usage import meant, nearest

#: Numbers that the arrays of a signature hold at most: a gigabyte in float64.
LARGEST = 1 << 27
#: Domains whose numbers depend on each other along the last axis.
AXES = ("mask", "distribution", "target", "position")
FOLDER = Path(__file__).resolve().parent / "formulas"
#: Lies beside the formulas of a pack, and has records of known divergences.
RECORDS = "known.toml"
#: Under which name a formula keeps its signatures once they are read: each check and each case asks for them.
SIGNATURES = "read signatures"
#: The formulas of all packs that `spec.packs` has taken in, by id.
OUTSIDE: dict[str, Formula] = {}


class SpecError(ValueError):
    """An entry of the spec that cannot be used. The message names file and field."""


def load(folder: Path = FOLDER) -> dict[str, Formula]:
    """All formulas by id, in the order of the primer's chapters, then those of packs; or those of another folder.

    Raises SpecError for the first thing that is wrong.
    """
    found = _load(folder)
    return found | OUTSIDE if OUTSIDE and folder == FOLDER else found


@cache
def _load(folder: Path) -> dict[str, Formula]:
    return read(folder)


def read(folder: Path) -> dict[str, Formula]:
    """The formulas of a folder as its files are now. Raises SpecError."""
    formulas: dict[str, Formula] = {}
    for path in _files(folder):
        for formula in _read(path):
            if formula.id in formulas:
                raise SpecError(
                    f"{path}: {formula.id}: {formulas[formula.id].chapter} has a formula of that id already"
                )
            formulas[formula.id] = formula
    if not formulas:
        raise SpecError(f"{folder}: no formula here")
    return dict(sorted(formulas.items(), key=lambda item: _order(item[1].section)))


def _order(section: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 99 for part in section.split("."))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.toml")) if path.name != RECORDS]


def digest(folder: Path = FOLDER, *packs: Path) -> str:
    """A short hash of the spec's files, and of those of packs: two runs compare only when theirs agree."""
    contents = b"\0".join(path.read_bytes() for one in (folder, *packs) for path in _files(one))
    return hashlib.sha256(contents).hexdigest()[:16]


def _read(path: Path) -> Iterator[Formula]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not TOML: {error}") from error
    for name, table in tables.items():
        try:
            formula = msgspec.convert(table, Formula)
        except msgspec.ValidationError as error:
            told = f"{str(error).replace('$', name)}{meant(error, Formula)}"
            raise SpecError(f"{path}: {name}: {told}") from error
        formula = msgspec.structs.replace(formula, id=name, chapter=path.stem)
        for field, wrong in _faults(formula):
            raise SpecError(f"{path}: {name}.{field}: {wrong}")
        yield formula


def _faults(formula: Formula) -> Iterator[tuple[str, str]]:
    """What the types alone do not show, as (field, what is wrong)."""
    if bool(formula.output is not None) == bool(formula.outputs):
        yield "output", "give either `output` or `outputs`"
    try:
        known = _dimensions(formula)
        unknown = (
            {s for text in formula.results.values() for s in shapes.symbols(text)} - known - set(formula.attributes)
        )
    except shapes.ShapeError as error:
        yield "inputs", str(error)
        return
    if unknown:
        yield "output", f"the symbol {min(unknown)!r} stands in no input"
    yield from _derivative_faults(formula)
    yield from _quantity_faults(formula)
    yield from _domain_faults(formula)
    for name, several in (("datasets", formula.datasets), ("dtypes", formula.dtypes)):
        if not several:
            yield name, "none: a formula is asked in one at least"
    if not formula.signatures:
        yield "signatures", "a formula needs at least one"
    for place, table in enumerate(formula.signatures):
        yield from _signature_faults(formula, table, f"signatures[{place}]")
    yield from _unknown_datasets(formula.datasets, "datasets")
    yield from _special_faults(formula)
    yield from _run_faults(formula)
    if formula.kernels and formula.attributes:
        yield "kernels", "a formula with attributes needs functions that are told them: in the module of each backend"
    if formula.pool:
        yield from _pool_faults(formula, formula.pool)


def _pool_faults(formula: Formula, pool: Pool) -> Iterator[tuple[str, str]]:
    """Each dimension has a kind, or its size from others; what else is named is there."""
    try:
        relations = {text: shapes.relation(text) for text in pool.where}
        work = shapes.symbols(pool.work)
    except shapes.ShapeError as error:
        yield "pool", str(error)
        return
    named = {symbol for one in relations.values() for symbol in one.symbols}
    sized = {name for name, value in formula.attributes.items() if type(value) is int}
    for name in sorted(_dimensions(formula) - pool.sizes.keys() - {one.subject for one in relations.values()}):
        yield "pool.sizes", f"the symbol {name!r} of the shapes has no kind, and no size from others"
    for name, kind in pool.sizes.items():
        if name not in _dimensions(formula) | sized | named:
            yield f"pool.sizes.{name}", "neither a symbol of the shapes, nor a size among the attributes, nor bound"
        if kind not in KINDS:
            yield f"pool.sizes.{name}", f"no kind is called {kind!r}; there are {', '.join(KINDS)}"
    for name in sorted((named | work) - _dimensions(formula) - sized - pool.sizes.keys()):
        yield "pool.where" if name in named else "pool.work", f"the symbol {name!r} has no size"
    yield from _value_faults(formula, pool)
    yield from _unknown_datasets(pool.datasets, "pool.datasets")


def _value_faults(formula: Formula, pool: Pool) -> Iterator[tuple[str, str]]:
    for name, values in pool.values.items():
        if name not in formula.attributes:
            near = nearest(name, formula.attributes)
            yield f"pool.values.{name}", f"no attribute is called that{near}; there are {', '.join(formula.attributes)}"
        elif not values or any(type(value) is not type(formula.attributes[name]) for value in values):
            yield f"pool.values.{name}", f"expected numbers like {formula.attributes[name]!r}, got {list(values)}"


def _derivative_faults(formula: Formula) -> Iterator[tuple[str, str]]:
    for name in formula.wrt:
        if name not in formula.inputs:
            yield "wrt", f"{name!r} is no input"
        elif formula.integer(name):
            yield "wrt", f"{name!r} holds whole numbers: it has no derivative"


def _quantity_faults(formula: Formula) -> Iterator[tuple[str, str]]:
    """What is said of quantities speaks of such as there are."""
    told = ", ".join(formula.quantities)
    permits = [(f"permits.{name}", one.quantity, one.covers) for name, ones in formula.permits.items() for one in ones]
    vanishing = [("vanishing", name, name.__eq__) for name in formula.vanishing]
    for field, name, covers in (*vanishing, *permits):
        if not any(map(covers, formula.quantities)):
            yield field, f"no quantity is called {name!r}; there are {told}"


def _run_faults(formula: Formula) -> Iterator[tuple[str, str]]:
    if formula.trajectory and formula.outputs.get("losses") is None:
        yield "trajectory", "a training run has an output `losses`"
    for name in formula.dtypes:
        if name not in DTYPES:
            yield "dtypes", f"no dtype is called {name!r}; there are {', '.join(DTYPES)}"


def _special_faults(formula: Formula) -> Iterator[tuple[str, str]]:
    """What is said of special values and of inputs to reject speaks of inputs that there are."""
    spoilt = [(f"rejects.{name}", tuple(how)) for name, how in formula.rejects.items()]
    for field, names in [("subnormal", formula.subnormal), ("begins", tuple(formula.begins)), *spoilt]:
        for name in names:
            if name not in formula.inputs:
                yield field, f"{name!r} is no input"
    for symbol in formula.least:
        if symbol not in _dimensions(formula) and symbol not in formula.attributes:
            yield "least", f"{symbol!r} is no symbol of the shapes and no attribute"


def _domain_faults(formula: Formula) -> Iterator[tuple[str, str]]:
    for name, domain in formula.domains.items():
        head, *bound = domain.split() or [""]
        if name not in formula.inputs:
            yield f"domains.{name}", "no input is called that"
        if head not in DOMAINS:
            yield f"domains.{name}", f"expected one of {', '.join(DOMAINS)}, got {domain!r}"
        if not head:
            continue
        if head in AXES and not shapes.parse(formula.inputs.get(name, "")):
            yield f"domains.{name}", f"a {head} has an axis at least, and {name} is a single number"
        if head in BOUNDED and not _counts(bound, formula):
            yield (
                f"domains.{name}",
                f"a {head} needs its bound, a symbol of the shapes, as in '{head} k'; got {domain!r}",
            )


def _counts(bound: list[str], formula: Formula) -> bool:
    """Whether these words are one size that the shapes of the formula give."""
    try:
        return len(bound) == 1 and shapes.symbols(bound[0]) <= _dimensions(formula)
    except shapes.ShapeError:
        return False


def _signature_faults(formula: Formula, table: Mapping[str, object], field: str) -> Iterator[tuple[str, str]]:
    for name in sorted(_dimensions(formula)):
        if name not in table:
            yield field, f"the symbol {name!r} of the shapes has no value"
        elif type(table[name]) is not int:
            yield f"{field}.{name}", f"expected a whole number, got {table[name]!r}"
    known = _dimensions(formula) | set(formula.attributes) | {"level", "datasets", "dtypes"}
    for name in table:
        if name not in known:
            yield f"{field}.{name}", f"neither a symbol of the shapes nor an attribute{nearest(name, known)}"
    yield from _size_faults(formula, table, field)
    if table.get("level", "core") not in LEVELS:
        yield f"{field}.level", f"expected one of {', '.join(LEVELS)}"
    names = table.get("datasets", [])
    if "datasets" in table and not names:
        yield f"{field}.datasets", "none: a signature is asked in one at least"
    elif isinstance(names, list):
        yield from _unknown_datasets(names, f"{field}.datasets")
    else:
        yield f"{field}.datasets", f"expected a list, got {names!r}"
    yield from _dtype_faults(formula, table, field)


def _dtype_faults(formula: Formula, table: Mapping[str, object], field: str) -> Iterator[tuple[str, str]]:
    """Dtypes of a signature are some of the formula's; the first one, from which checks start, is asked in all."""
    if "dtypes" not in table:
        return
    names = table["dtypes"]
    if not isinstance(names, list) or not names:
        yield f"{field}.dtypes", f"expected a list of dtypes, got {names!r}"
        return
    for name in names:
        if name not in formula.dtypes:
            yield f"{field}.dtypes", f"the formula is not asked in {name!r}; there are {', '.join(formula.dtypes)}"
    if table is formula.signatures[0]:
        yield f"{field}.dtypes", "the first signature is asked in every dtype of the formula"


def _size_faults(formula: Formula, table: Mapping[str, object], field: str) -> Iterator[tuple[str, str]]:
    """A size that is negative or divided by 0, and arrays that nobody's memory holds."""
    numbers = {**formula.attributes, **table}
    sizes = {name: value for name, value in numbers.items() if type(value) is int}
    if not _dimensions(formula) <= sizes.keys():
        return  # that is told already
    try:
        count = shapes.elements([*formula.inputs.values(), *formula.results.values()], sizes)
    except shapes.ShapeError as error:
        yield field, str(error)
        return
    if count > LARGEST:
        yield field, f"its arrays hold {count} numbers, more than {LARGEST}"


def _unknown_datasets(names: tuple[str, ...] | list[str], field: str) -> Iterator[tuple[str, str]]:
    for name in names:
        if name not in datasets.DATASETS:
            near = nearest(name, datasets.DATASETS)
            yield field, f"no dataset is called {name!r}{near}; there are {', '.join(datasets.DATASETS)}"


def _dimensions(formula: Formula) -> set[str]:
    return {symbol for text in formula.inputs.values() for symbol in shapes.symbols(text)}


def signatures(formula: Formula) -> tuple[Signature, ...]:
    """The signatures of a formula, each with its id; the first is of the quick level, unless it says otherwise."""
    kept: dict[str, tuple[Signature, ...]] = formula.__dict__  # where its cached properties are
    if SIGNATURES not in kept:
        tables = enumerate(formula.signatures)
        kept[SIGNATURES] = tuple(_signature(formula, one, "core" if place else "quick") for place, one in tables)
    return kept[SIGNATURES]


def ordinary(formula: Formula) -> Sequence[Signature]:
    """The signatures that a usual run asks in every dtype; where the level `full` alone has any, its own."""
    every = [one for one in signatures(formula) if not one.dtypes]
    return [one for one in every if one.level != "full"] or every


def signature(
    formula: Formula, table: Mapping[str, object], datasets: tuple[str, ...], classes: Mapping[str, str]
) -> Signature:
    """A signature of the pool, with the size classes of its dimensions."""
    return msgspec.structs.replace(_signature(formula, table, "core"), datasets=datasets, classes=dict(classes))


def _signature(formula: Formula, table: Mapping[str, object], level: str) -> Signature:
    dims = {name: table[name] for name in table if name in _dimensions(formula)}
    attributes = {name: table.get(name, default) for name, default in formula.attributes.items()}
    shown = [f"{name}{value}" for name, value in attributes.items() if name in table]
    return msgspec.convert(
        {
            "id": "-".join(["".join(f"{name}{size}" for name, size in dims.items()), *shown]).strip("-"),
            "dims": dims,
            "attributes": attributes,
            "level": table.get("level", level),
            "datasets": tuple(table.get("datasets", formula.datasets)),  # type: ignore[arg-type]
            "dtypes": tuple(table.get("dtypes", ())),  # type: ignore[arg-type]
        },
        Signature,
    )
