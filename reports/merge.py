"""From files to a run: several run files read as one, and written back as one file."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nnparity.reports.chain import Chain, sealed, state
from nnparity.reports.order import facts_in_order, verdicts_in_order
from nnparity.reports.records import (
    Curve,
    Environment,
    Fact,
    FormulaLine,
    KnownLine,
    Line,
    ScriptLine,
    Summary,
    TargetLine,
    Ulps,
    Verdict,
    encode,
    read_run,
)

#: How a plan says which share of it a run is.
SHARE = re.compile("([0-9]{1,6}) of ([0-9]{1,6})")
#: What may differ between the shares of one plan: each machine may have its files elsewhere.
OWN = ("shard", "known")
#: Missing shares named one by one, at most.
NAMED = 12


@dataclass(frozen=True)
class Missing:
    """The shares of a plan that no file has, of so many."""

    shares: tuple[int, ...]
    count: int

    @property
    def named(self) -> str:
        """Their numbers."""
        return ", ".join([*map(str, self.shares[:NAMED]), *["…"] * (len(self.shares) > NAMED)])

    @property
    def told(self) -> str:
        """That they are missing, in words."""
        one = len(self.shares) == 1
        return f"{'share' if one else 'shares'} {self.named} of {self.count} {'is' if one else 'are'} missing"


@dataclass
class MergedRun:
    """The lines of one or more run files, each said once, in an order that is the same whatever fell first.

    There is one environment for each file and one summary for each that was not cut short.
    """

    environments: list[Environment] = field(default_factory=list)
    formulas: dict[str, FormulaLine] = field(default_factory=dict)
    targets: dict[str, TargetLine] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    known: dict[str, KnownLine] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    ulps: list[Ulps] = field(default_factory=list)
    #: by case, target and quantity
    scripts: dict[tuple[str, str, str], ScriptLine] = field(default_factory=dict)
    summaries: list[Summary] = field(default_factory=list)
    #: name of a file -> the digest of its last line, where it is sealed
    seals: dict[str, str] = field(default_factory=dict, compare=False)
    #: how many files are chained and not sealed: their ends are missing
    open: int = field(default=0, compare=False)
    #: the files whose lines carry no links: nothing tells whether they are as they were written
    unchained: list[str] = field(default_factory=list, compare=False)
    #: targets whose packages have other versions in another file, in words
    mixed: list[str] = field(default_factory=list, compare=False)

    def add_script(self, line: ScriptLine) -> None:
        """One more script; a later one of the same verdict counts."""
        self.scripts[line.case, line.target, line.quantity] = line

    @property
    def cut_short(self) -> int:
        """How many of the runs did not come to an end: killed, or still going on."""
        return max(len(self.environments) - len(self.summaries), self.open)

    @property
    def missing(self) -> list[Missing]:
        """The shares that are not there, of each plan of which there are some and which no run has as a whole."""
        return list(_missing(self.environments))

    @property
    def incomplete(self) -> str:
        """How many of how many runs that is, and which shares are missing, in words; nothing where all is there."""
        runs = len(self.environments)
        cut = f"{self.cut_short} of {runs} runs did not come to an end" if self.cut_short else ""
        return "; ".join(filter(None, (cut, *(one.told for one in self.missing))))

    @property
    def unlike(self) -> str:
        """Why the runs cannot be one, in words: a case by the same name is another question in each of them.

        Neither the spec nor the salt is part of a case's name, so that a verdict would take the place of another's. Nor
        is a version part of a target's, so that what one of them did would be said of the other.
        """
        specs = sorted({one.spec_digest for one in self.environments})
        if len(specs) > 1:
            return f"the runs are of different specs, {', '.join(specs)}: what they ask is not the same"
        numbers = sorted({f"salt {one.salt!r} of {one.seeds}" for one in self.environments})
        if len(numbers) > 1:
            return f"the runs are on different numbers, {', '.join(numbers)}: a report is of runs on the same ones"
        if self.mixed:
            several = "; --trend and nnparity diff take several"
            return f"the runs are of different versions, {', '.join(self.mixed)}: a report is of one{several}"
        return ""

    @property
    def stale(self) -> list[str]:
        """Known records that no verdict of any of the runs matched."""
        met = {verdict.known for verdict in self.verdicts}
        named = dict.fromkeys(record for summary in self.summaries for record in summary.stale)
        return [record for record in named if record not in met]

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each part of the work, added up over the runs."""
        total: dict[str, float] = {}
        for summary in self.summaries:
            for part, seconds in summary.seconds.items():
                total[part] = total.get(part, 0.0) + seconds
        return total

    @property
    def programs(self) -> dict[str, dict[str, int]]:
        """Target -> how its compiled programs were come by -> how many, added up over the runs."""
        return _added(summary.programs for summary in self.summaries)

    @property
    def kept(self) -> dict[str, dict[str, int]]:
        """Kind of result -> how it was come by -> how often, added up over the runs."""
        return _added(summary.kept for summary in self.summaries)

    @property
    def troubles(self) -> list[str]:
        """What was wrong with the store in any of the runs."""
        return list(dict.fromkeys(trouble for summary in self.summaries for trouble in summary.troubles))

    def lines(self) -> Iterator[Line]:
        """All lines, in the order of a run file: environment first, summary last."""
        yield from self.environments
        yield from self.formulas.values()
        yield from self.targets.values()
        yield from self.verdicts
        yield from self.known.values()
        yield from self.facts
        yield from self.curves
        yield from self.ulps
        yield from self.scripts.values()
        yield from self.summaries


def _missing(environments: Iterable[Environment]) -> Iterator[Missing]:
    wholes, found = set[object](), dict[tuple[object, int], set[int]]()
    for one in environments:
        plan = tuple(sorted((name, tuple(values)) for name, values in one.plan.items() if name not in OWN))
        if share := SHARE.fullmatch(" ".join(one.plan.get("shard", ()))):
            found.setdefault((plan, int(share[2])), set()).add(int(share[1]))
        else:
            wholes.add(plan)
    for (asked, count), there in found.items():
        missing = tuple(place for place in range(1, count + 1) if place not in there)
        if missing and asked not in wholes:
            yield Missing(missing, count)


def _added(tables: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for table in tables:
        for name, counted in table.items():
            found = total.setdefault(name, {})
            found.update({how: found.get(how, 0) + count for how, count in counted.items()})
    return total


def merge(paths: Iterable[Path | str], *, damaged: bool = False) -> MergedRun:
    """The run that the files at `paths` make together.

    A later verdict replaces an earlier one of the same case, target and quantity, on the same numbers, and so does a
    later curve, and a later fact in the same cell. A last line cut short by a kill is left out. Raises ValueError,
    naming file, line and field, for any other line that is not a record, and for one that is not as it was written
    unless `damaged` ones are read too; OSError for a file that is not there.
    """
    run = MergedRun()
    verdicts: dict[tuple[str, ...], Verdict] = {}
    facts: dict[tuple[str, str, str], Fact] = {}
    curves: dict[tuple[str, str, str], Curve] = {}
    for path in map(Path, paths):
        _taken_in(run, path, damaged)
        before = dict(run.targets)
        for line in read_run(path):
            match line:
                case Verdict():
                    verdicts[line.asked] = line
                case Fact():
                    facts[line.table, line.row, line.column] = line
                case Curve():
                    curves[line.case, line.target, line.series] = line
                case _:
                    _take(run, line)
        run.mixed += _mixed(before, run.targets)
    run.verdicts = verdicts_in_order(verdicts.values(), run.formulas, run.environments)
    run.facts = facts_in_order(facts.values(), run.formulas)
    run.curves = list(curves.values())
    return run


def _taken_in(run: MergedRun, path: Path, damaged: bool) -> None:
    """What a file's links say of it as a whole."""
    found = state(path)
    if found.faults and not damaged:
        more = f"; and {len(found.faults) - 1} more, see nnparity verify" if len(found.faults) > 1 else ""
        raise ValueError(f"{path} is not as it was written: {found.faults[0]}{more}")
    run.open += found.open
    if not found.chained:
        run.unchained.append(str(path))
    elif found.seal:
        run.seals[path.name if path.name not in run.seals else str(path)] = found.seal


def _mixed(before: Mapping[str, TargetLine], now: Mapping[str, TargetLine]) -> Iterator[str]:
    """What targets were on, and are not any more now that one more file was read; of all that are available."""
    for target, line in before.items():
        versions = now[target].versions
        for package, version in line.versions.items() if line.available else ():
            if versions.get(package, version) != version:
                yield f"{package} {version} and {versions[package]} of {target}"


def _take(run: MergedRun, line: Line) -> None:
    """Adds a line of which there are few: who made the run, what it is of, how it ended."""
    match line:
        case Environment():
            run.environments.append(line)
        case FormulaLine():
            run.formulas[line.id] = line
        case TargetLine():
            run.targets[line.target] = _joined(run.targets.get(line.target), line)
        case KnownLine():
            run.known[line.id] = line
        case Ulps():
            own = (line.formula, line.dtype, line.target)
            run.ulps = [one for one in run.ulps if (one.formula, one.dtype, one.target) != own] + [line]
        case ScriptLine():
            run.add_script(line)
        case Summary():
            run.summaries.append(line)


def _joined(old: TargetLine | None, new: TargetLine) -> TargetLine:
    """What two files say of a target: one that was available in either is available."""
    if old is None or old.available < new.available:
        return new
    if new.available < old.available:
        return old
    return TargetLine(
        target=new.target,
        available=new.available,
        reason=new.reason or old.reason,
        versions=old.versions | new.versions,
        kernels=old.kernels | new.kernels,
        unsupported=old.unsupported | new.unsupported,
        properties=old.properties | new.properties,
        import_seconds=max(old.import_seconds, new.import_seconds),
        source=new.source or old.source,
    )


def write_merged(run: MergedRun, path: Path | str) -> None:
    """Write `run` as a single run file, which `merge` reads back as the same run.

    It is chained and sealed, but not more than the files it is made of: what nothing vouches for there, nothing does
    here, and what is incomplete stays so.
    """
    path, chain = Path(path), Chain()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.part")
    lines = map(encode, run.lines())
    beside.write_bytes(b"".join(lines if run.unchained else map(chain.linked, lines)))
    if not (run.unchained or run.open):
        sealed(beside)
    beside.replace(path)
