"""The smaller tables of a report: kernels, what is unsupported, targets, facts, environments."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nnparity.reports.aggregation import Aggregate, Row, grouped
from nnparity.reports.formatting import count, needed
from nnparity.reports.records import SHORT, Environment, Fact, FormulaLine, Kernel


def kernels(aggregate: Aggregate, formula: str) -> list[tuple[Kernel, list[str]]]:
    """What runs for a formula, and the targets that run it."""
    pairs = ((line.kernels[formula], line.target) for line in aggregate.present if formula in line.kernels)
    found: list[tuple[Kernel, list[str]]] = []
    for kernel, target in pairs:
        targets = next((names for known, names in found if known == kernel), None)
        if targets is None:
            found.append((kernel, [target]))
        else:
            targets.append(target)
    return found


#: Tables of facts whose rows are formulas, and that say what its verdicts are worth.
ABOUT = ("what the verdicts would have caught", "mutation score", "noise that is caught, in units of u")
SURVIVORS, PRIMER = "faults that survived", "the primer, entry by entry"


def about(aggregate: Aggregate, formula: str) -> dict[str, list[str]]:
    """Table of facts -> what it says of a formula, by column; the faults that survived are named."""
    pairs = [(fact.table, f"{fact.column} {fact.text}") for fact in _facts(aggregate, ABOUT) if fact.row == formula]
    pairs += [
        (fact.table, f"{fact.row.partition(': ')[2]} ({fact.column})")
        for fact in _facts(aggregate, (SURVIVORS,))
        if fact.row.startswith(f"{formula}: ")
    ]
    return grouped(pairs)


def reference(aggregate: Aggregate, formula: str) -> list[str]:
    """Where the reference computes a formula, as far as the entries of the primer tell it apart from others."""
    cells = {(fact.row, fact.column): fact.text for fact in _facts(aggregate, (PRIMER,))}
    found: dict[str, None] = {}
    for (row, column), text in cells.items():
        if column == "formulas" and formula in (names := text.split(", ")):
            places = cells.get((row, "reference"), "").split(", ")
            found |= dict.fromkeys(one for one in places if len(names) == 1 or one.endswith(f": {formula}"))
    return [place for place in found if place]


def _facts(aggregate: Aggregate, names: tuple[str, ...]) -> Iterator[Fact]:
    return (fact for fact in aggregate.run.facts if fact.table in names)


@dataclass(frozen=True)
class Grid:
    """A table of texts with a name, a name for each column, and rows of as many cells."""

    name: str
    columns: list[str]
    rows: list[list[str]]


def _rank(name: str, order: list[str]) -> int:
    """What is not in the order stands before it."""
    return order.index(name) if name in order else -1


def fact_tables(aggregate: Aggregate) -> list[Grid]:
    """The `fact` lines as tables: formulas in the order of the primer, targets in the plan's."""
    tables = grouped((fact.table, fact) for fact in aggregate.run.facts)
    return [_fact_table(name, lines, aggregate) for name, lines in tables.items()]


def _fact_table(name: str, facts: list[Fact], aggregate: Aggregate) -> Grid:
    formulas = [line.id for line in aggregate.formulas]
    columns = sorted(
        dict.fromkeys(fact.column for fact in facts), key=lambda name: _rank(name.split(" ")[0], aggregate.targets)
    )
    rows = sorted(dict.fromkeys(fact.row for fact in facts), key=lambda row: _rank(row.split(":")[0], formulas))
    cells = {(fact.row, fact.column): fact.text for fact in facts}
    return Grid(name, ["", *columns], [[row, *(cells.get((row, column), "") for column in columns)] for row in rows])


def environment_table(environments: list[Environment]) -> Grid:
    """One row for each thing known of where a run was made; one column for each distinct place."""
    places = list(dict.fromkeys(_place(environment) for environment in environments))
    starts = [[env.started for env in environments if _place(env) == place] for place in places]
    columns = [f"run {number}" for number in range(1, len(places) + 1)] if len(places) > 1 else ["value"]
    rows = [["started", *(_started(times) for times in starts)]]
    names = dict.fromkeys(name for place in places for name, _ in place)
    rows += [[name, *(dict(place).get(name, "") for place in places)] for name in names]
    return Grid("Environment", ["", *columns], rows if places else [])


def _started(times: list[str]) -> str:
    return times[0] if len(times) == 1 else f"{min(times)} (and {len(times) - 1} more files, to {max(times)})"


def _place(env: Environment) -> tuple[tuple[str, str], ...]:
    """All of an environment but the time, as names and texts."""
    plain = {
        "nnparity": env.nnparity,
        "Python": env.python,
        "platform": env.platform,
        "processor": f"{env.cpu} ({env.cores} cores)",
        "instructions": " ".join(env.instructions),
        "packages": ", ".join(f"{name} {version}" for name, version in sorted(env.packages.items())),
        "spec digest": env.spec_digest,
        "seeds": env.seeds + (f", salt {env.salt!r}" if env.salt else ""),
    }
    plan = {f"plan: {name}": listed(values) for name, values in env.plan.items()}
    return tuple((plain | plan).items())


def listed(values: Iterable[str], most: int = 40) -> str:
    """Values set off by commas; past `most` only how many more there are."""
    values = list(values)
    rest = len(values) - most
    return ", ".join(values[:most]) + (f" and {rest} more" if rest > 0 else "")


def target_table(aggregate: Aggregate) -> Grid:
    """The targets that are here: versions, and a column for each property any of them has; programs, if any compile."""
    lines, programs = aggregate.present, aggregate.run.programs
    properties = list(dict.fromkeys(name for line in lines for name in line.properties))
    judged = grouped((verdict.target, verdict) for verdict in aggregate.run.verdicts)
    rows = [
        [
            line.target,
            ", ".join(f"{name} {version}" for name, version in line.versions.items()),
            *(line.properties.get(name, "") for name in properties),
            *([needed(programs.get(line.target, {}))] if programs else []),
            f"{line.import_seconds:.1f} s" if line.import_seconds else "",
            count(len(judged.get(line.target, ()))),
        ]
        for line in lines
    ]
    compiled = ["programs"] if programs else []
    return Grid("Targets", ["target", "versions", *properties, *compiled, "import", "verdicts"], rows)


def shapes(shapes: dict[str, str]) -> str:
    """Names with their shapes: `x[n c h w], w[o c p q]`."""
    return ", ".join(f"{name}[{shape}]" if shape else f"{name} (scalar)" for name, shape in shapes.items())


def titled(formula: FormulaLine) -> str:
    """The name of a formula in all its languages, English first; its id when it has none."""
    names = {language: formula.title[language] for language in sorted(formula.title, key=lambda key: key != "en")}
    return " ".join(names.values()) or formula.id


def by_note(aggregate: Aggregate, formula: str) -> list[tuple[str, list[str]]]:
    """What passing verdicts still have to say of a formula: the note, and where it was said."""
    said = grouped((note, row) for row in aggregate.rows.get(formula, []) for note in row.statistics.notes)
    return [(note, _places(rows)) for note, rows in said.items()]


def _places(rows: list[Row]) -> list[str]:
    dtypes = grouped((row.target, SHORT.get(row.dtype, row.dtype)) for row in rows)
    return [f"{target} ({' '.join(dict.fromkeys(names))})" for target, names in dtypes.items()]
