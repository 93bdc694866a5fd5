"""The end of a run: what only all its verdicts together tell is added to the run file, and the report rendered."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from nnparity import reports
from nnparity.judge import known_divergences
from nnparity.reports.chain import changes, links, sealed
from nnparity.reports.order import facts_in_order
from nnparity.reports.records import Fact, KnownLine, ScriptLine, Verdict
from nnparity.run.examiner import WIDE, on_record
from nnparity.run.facts.sensitivities import sensitivities
from nnparity.run.facts.traceability import trace
from nnparity.run.recorder import Recorder, known_line
from nnparity.spec.precision import ACCUMULATE, FUSED


class RunFileChanged(RuntimeError):
    """The run file is not what this run wrote: a target or somebody else has written into it, or taken it away."""


def unchanged(path: Path, verdicts: int) -> None:
    """Raises RunFileChanged unless each line of the file is as it was written, and so many verdicts are there."""
    try:
        lines = links(path)
    except OSError as error:
        raise RunFileChanged(f"the run file is gone: {error}; there is no report") from error
    there = sum(b'"kind":"verdict"' in one.text for one in lines)
    wrong = next(changes(lines), None) or (f"{there} of {verdicts} verdicts are left" if there != verdicts else "")
    if wrong:
        raise RunFileChanged(f"{path} was changed while the run went on: {wrong}; there is no report of it")


#: What makes the scripts that a report carries, of a run: whoever may start targets.
Scripted = Callable[[reports.MergedRun], Iterable[ScriptLine]]


def finalize(
    path: Path,
    folder: Path,
    scripted: Scripted | None = None,
    baseline: reports.MergedRun | None = None,
    known: Iterable[Path] = (),
    only_news: bool = False,
    ended: bool = True,
) -> tuple[reports.MergedRun, list[Path]]:
    """The whole run at `path`, and the files of its report in `folder`, the run file among them.

    `known` are the further files of known divergences that the run had; with `only_news` the report fails on what the
    baseline had not, and on nothing else. A run that was not `ended` is not sealed: its end is missing.
    """
    run = reports.merge([path])
    facts = derived(run.verdicts)
    run.facts = facts_in_order([*run.facts, *facts], run.formulas)
    told = records_met(run.verdicts, known)
    run.known |= told
    recorder = Recorder(path)
    recorder.write(*told.values(), *facts)
    for line in scripted(run) if scripted else ():
        run.add_script(line)
        recorder.write(line)
    recorder.close()
    if ended:
        run.seals[path.name], run.open = sealed(path), 0
    return run, [path, *reports.render(run, folder, baseline=baseline, only_news=only_news)]


def derived(verdicts: Sequence[Verdict]) -> list[Fact]:
    """What only all verdicts together tell."""
    return [*sensitivities(verdicts), *precision_models(verdicts), *trace(verdicts)]


def precision_models(verdicts: Iterable[Verdict]) -> Iterator[Fact]:
    """For each formula and target in half precision: does it compute in float32 inside, and round once at the end?

    What it is held to, accumulate-wide unless it declares otherwise, decides; this says what it lives up to.
    """
    grades: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    for verdict in verdicts:
        if verdict.note and verdict.note.endswith(WIDE):
            grades[verdict.formula, f"{verdict.target} {verdict.dtype}"][
                verdict.note.rpartition("; ")[2] == f"conforms{WIDE}"
            ] += 1
    for (formula, column), held in grades.items():
        says = FUSED if not held[False] else f"{ACCUMULATE}; {held[True]} of {held.total()} also {FUSED}"
        yield Fact("precision model", formula, column, says)


def records_met(verdicts: Iterable[Verdict], known: Iterable[Path] = ()) -> dict[str, KnownLine]:
    """What the records here say of the known divergences that verdicts carry; an id that is not here is left out."""
    met = {verdict.known for verdict in verdicts if verdict.known}
    return {one.id: known_line(one) for one in on_record(known) if one.id in met} if met else {}


def idle(run: reports.MergedRun, known: Iterable[Path]) -> Iterator[str]:
    """What of further files explains nothing, because it speaks of no verdict of the run: a name may be misspelt."""
    versions = {target.target: target.versions for target in run.targets.values()}
    present = {name for environment in run.environments for name in environment.instructions}
    for path in known:
        for one in known_divergences.together((), [path]):
            near = [verdict for verdict in run.verdicts if one.speaks_of(verdict)]
            if not near:
                yield f"{path}: {one.id} speaks of no verdict of this run: of another target, case or quantity"
            elif not any(one.covers(verdict, versions.get(verdict.target, {}), present) for verdict in near):
                yield f"{path}: {one.id} speaks of other versions, or another processor, than this run's"
