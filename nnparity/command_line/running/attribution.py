"""What of a compiler makes the modes of a run differ: looked for at the end, and told as facts, with a bar."""

from collections.abc import Iterator
from typing import Annotated

import typer

from nnparity.command_line.application import progress
from nnparity.reports import MergedRun
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.order import checked
from nnparity.reports.records import Fact, Verdict
from nnparity.reports.targets.modes import EAGER, PASSES, Modes, apart, modes
from nnparity.reproduce.passes.found import Search
from nnparity.reproduce.passes.search import has_switches, search_all
from nnparity.reproduce.passes.words import answer
from nnparity.spec.schema import WITH_GRAD

Passes = Annotated[
    bool,
    typer.Option(
        "--passes", help="name what of the compiler makes the modes of a run differ, as `passes` does; takes minutes"
    ),
]


def attributed(run: MergedRun, timeout: float) -> Iterator[Fact]:
    """A fact for each formula and dtype in which a compiled mode differs from the eager one, of the farthest cell."""
    wanted = [(pair, cells) for pair in modes(Aggregate(run)) if (cells := farthest(pair))]
    salt = next((one.salt for one in run.environments), "")
    with progress() as bar:
        task = bar.add_task("passes of the compilers", total=sum(len(cells) for _, cells in wanted))

        def watch(said: str) -> None:
            bar.update(task, description=said)

        for pair, cells in wanted:
            target = f"{pair.place}:{pair.other}"
            asked = [(one.case, one.quantity) for one in cells]
            found = search_all(asked, target, salt, timeout, first=True, watch=watch)
            for one, search in zip(cells, found, strict=True):
                yield Fact(PASSES, one.formula, f"{target} {one.dtype}", told(search, one))
            bar.update(task, advance=len(cells))


def farthest(pair: Modes) -> list[Verdict]:
    """Of each formula and dtype the cell in which the modes are farthest apart, of ordinary cases on the run's numbers.

    An output that came with gradients is none: switches are tried on outputs by themselves. Nothing of a pair of modes
    of which no compiler is known, or whose first mode is not the eager one.
    """
    if pair.one != EAGER or not has_switches(f"{pair.place}:{pair.other}"):
        return []
    found: dict[tuple[str, str], tuple[Verdict, Verdict]] = {}
    for row in pair.formulas:
        for both in row.pairs:
            one = both[0]
            key = one.formula, one.dtype
            if _ordinary(one) and (key not in found or apart(both) > apart(found[key])):
                found[key] = both
    return [other for _, other in found.values()]


def told(search: Search, cell: Verdict) -> str:
    """The answer of a search, and of which cell."""
    said = search.problem or ("asked alone it has the same bits" if search.apart.none else answer(search))
    return f"{said}; {cell.quantity} of {cell.signature}/{cell.dataset}"


def _ordinary(one: Verdict) -> bool:
    alone = not one.quantity.startswith(WITH_GRAD)
    return alone and not (checked(one.dataset) or one.salt or one.layout)
