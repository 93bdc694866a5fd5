"""The conformance run in pytest: its options, and the items of ``tests/conformance``.

An item is one formula x signature x dtype of one target, its id reads ``conv2d/n2c3h9w8o4p3q2/float32``. Inside it all
datasets and quantities are observed and judged, each verdict recorded by itself; an item that fails lists its failing
verdicts. The further checks follow, ``specials/relu`` and so on.

Options such as ``--device`` have names that other suites have options of, too: no entry point loads this module, but
``-p nnparity.conformance_plugin`` in the settings of this repository, and in the `pytest.ini` that is shipped.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnparity import checks, reports
from nnparity.adapters.registry import Misdeclared
from nnparity.adapters.registry import load as load_backend
from nnparity.api.packs import Pack, load_pack
from nnparity.command_line.running.exclusion import alone, written
from nnparity.command_line.running.previous import ASIDE, RUN, gave_way
from nnparity.execute.observer import TargetUnavailable
from nnparity.execute.target import TargetName, named
from nnparity.judge.known_divergences import KnownError
from nnparity.reports.records import Verdict
from nnparity.run.counts import Counts
from nnparity.run.finalization import finalize
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder
from nnparity.run.session import Session
from nnparity.run.verdicts import failed
from nnparity.spec import SpecError
from nnparity.spec.selection import CaseGroup
from nnparity.spec.usage import UsageError
from nnparity.store import location, memory
from nnparity.store.location import StoreError
from nnparity.store.memory import store_lines

#: The items that were examined, the records whose whole scope was run, and those that held.
Part = tuple[list[str], list[str], list[str]]
PLAN = pytest.StashKey[Plan]()
SESSION = pytest.StashKey[Session]()
#: The folder of the records, held.
HELD = pytest.StashKey[contextlib.ExitStack]()
PACKS = pytest.StashKey[list[Pack]]()
#: The items that were examined, each by its group and target; what workers of xdist say that theirs are.
EXAMINED = pytest.StashKey[set[str]]()
PARTS = pytest.StashKey[list[Part]]()
#: What the summary says besides: what was moved, and why there is no report.
SAID = pytest.StashKey[list[str]]()
REFUSED = pytest.StashKey[str]()
#: The name of what a worker says.
PART = "nnparity"
NOTHING_FAILED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
#: How a session ends that was not interrupted.
ENDED = (*NOTHING_FAILED, pytest.ExitCode.TESTS_FAILED)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a conformance run."""
    group = parser.getgroup("conformance", "conformance of neural-network formulas")
    for name, text in (
        ("--backend", "torch, jax:cpu:compiled ..., module:Class or file.py:Class; may be repeated"),
        ("--formula", "only this formula; may be repeated"),
        (
            "--pack",
            "formulas from outside, a folder or an installed pack, in the place of the primer's; may be repeated",
        ),
        ("--dtype", "float64, float32, float16 or bfloat16; may be repeated"),
        ("--quantity", "output, grad, jvp or hvp; may be repeated"),
        ("--case", "only this case, by its id as verdicts tell it; may be repeated"),
        ("--signature", "only these sizes, at whatever level, and of the checks what --dataset names; may be repeated"),
        ("--dataset", "only this dataset; may be repeated"),
    ):
        group.addoption(name, action="append", default=[], help=text)
    group.addoption("--device", default="", help="cpu, cuda, npu0 ..., where --backend does not say")
    group.addoption(
        "--mode", default="", help="a mode of the backend, where --backend does not say; its usual one by default"
    )
    group.addoption("--level", default="core", help="quick, core or full")
    group.addoption(
        "--pool",
        default="none",
        help="all, none, so many signatures of each formula's pool, or what 10s of CPU time of each target buy",
    )
    group.addoption("--salt", default="", help="varies the inputs")
    group.addoption("--case-timeout", type=float, default=120.0, help="seconds for one case")
    group.addoption("--no-store", action="store_true", help="compute all expectations, and keep none")
    group.addoption("--known", type=Path, action="append", default=[], help="a file of known divergences of one's own")
    group.addoption("--records", type=Path, help="the run file (reports/out/pytest.jsonl)")


def pytest_configure(config: pytest.Config) -> None:
    """Checks the options once, and begins; what does not exist is an error of usage, with pytest's own status."""
    if not config.option.backend:
        return
    try:
        config.stash[PACKS] = [load_pack(one) for one in dict.fromkeys(config.option.pack)]
        config.stash[PLAN] = plan = _plan(config)
        location.bound()
        for target in plan.targets:
            if target.backend.endswith(".py") or ":" in target.backend:
                load_backend(target.backend)
        if not config.option.collectonly:
            _begin(config, plan)
    except (UsageError, SpecError, KnownError, StoreError, Misdeclared, LookupError) as error:
        raise pytest.UsageError(f"nnparity: {error}") from error


def _begin(config: pytest.Config, plan: Plan) -> None:
    """Opens the session: a run file that begins here, or in a worker of xdist the one that is there.

    The folder of the records is held until the session ends, as a run holds its own. Raises UsageError where another
    has it, and KnownError for a record that cannot be read; the file of before is then as it was.
    """
    path = (config.option.records or Path("reports/out/pytest.jsonl")).absolute()
    worker = hasattr(config, "workerinput")
    memory.use(None if config.option.no_store else location.folder())
    with contextlib.ExitStack() as held:
        if not worker:
            held.enter_context(alone(path.parent, option="--records"))
        session = Session(plan, None, config.option.case_timeout)
        session.recorder = Recorder(path) if worker else Recorder.anew(path, plan)
        config.stash[HELD] = held.pop_all()
    config.stash[EXAMINED] = set()
    config.stash[PARTS] = []
    config.stash[SAID] = []
    config.stash[SESSION] = session


def _plan(config: pytest.Config) -> Plan:
    option = config.option
    outside = [id for pack in config.stash[PACKS] for id in pack.formulas]
    return Plan(
        targets=named(option.backend, option.device, option.mode),
        formulas=tuple(option.formula or ([] if option.case else outside)),
        dtypes=tuple(option.dtype) or Plan.dtypes,
        quantities=tuple(option.quantity) or Plan.quantities,
        level=option.level,
        salt=option.salt,
        pool=option.pool,
        cases=tuple(option.case),
        signatures=tuple(option.signature),
        datasets=tuple(option.dataset),
        packs=tuple(option.pack),
        known=tuple(option.known),
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the targets, and lets go of the folder."""
    if (session := config.stash.get(SESSION, None)) is not None:
        session.close()
        memory.leave()
        config.stash[HELD].close()
    for pack in config.stash.get(PACKS, []):
        pack.close()


def items(config: pytest.Config) -> Iterator[tuple[str, CaseGroup | checks.Item, TargetName]]:
    """(id, group, target) of every item: the targets of a group next to each other, so that they share expectations."""
    plan = config.stash.get(PLAN, None)
    if plan is None:
        return
    everything: list[CaseGroup | checks.Item] = [*plan.groups(), *checks.items(plan)]
    for group in everything:
        asked = [one for one in plan.targets if not isinstance(group, CaseGroup) or plan.asks(one, group)]
        for target in asked:
            suffix = "" if len(plan.targets) == 1 else f"/{_short(target, plan)}"
            yield f"{group.id}{suffix}", group, target


def _short(target: TargetName, plan: Plan) -> str:
    """The backend, unless the plan has it in several devices or modes."""
    alike = sum(other.backend == target.backend for other in plan.targets)
    return target.backend if alike == 1 else str(target)


def examine(config: pytest.Config, group: CaseGroup | checks.Item, target: TargetName) -> list[Verdict]:
    """The verdicts of an item. A target that cannot be had, or asked so, ends the run with status 2."""
    try:
        session = config.stash[SESSION]
        made = session.examine(group, (target,)) if isinstance(group, CaseGroup) else session.check(group, (target,))
        found = list(made)
    except (TargetUnavailable, UsageError) as error:
        pytest.exit(f"nnparity: {error}", returncode=2)
    config.stash[EXAMINED].add(_named(group, target))
    return found


def _named(group: CaseGroup | checks.Item, target: TargetName) -> str:
    return f"{group.id} {target}"


def explain(verdicts: list[Verdict]) -> str:
    """The failing verdicts of an item, one a line, with what is known about each."""
    lines = [
        f"{v.grade}: {v.case} {v.quantity} on {v.target}"
        + (f"  hard {float(v.hard or 0):.3g} sharp {float(v.sharp or 0):.3g}" if v.hard is not None else "")
        + (
            f"\n    worst element {v.worst.index}: observed {v.worst.observed}, expected {v.worst.expected}"
            if v.worst
            else ""
        )
        + (f"\n    {v.diagnosis}" if v.diagnosis else "")
        + (f"\n    {v.message}" if v.message else "")
        for v in verdicts
        if failed(v)
    ]
    return "\n".join(lines)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes in what a worker of xdist has examined; one that died says nothing."""
    if (part := getattr(node, "workeroutput", {}).get(PART)) is not None:
        node.config.stash[PARTS].append(part)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Closes the run; the process that collected everything renders the report."""
    config = session.config
    run = config.stash.get(SESSION, None)
    if run is None:
        return
    total = run.total()
    met = config.stash[EXAMINED]
    own = sorted(met), sorted(total.ran), sorted(total.held)
    total.ran = set()  # that nothing confirms a record is told of the whole session alone
    if hasattr(config, "workerinput"):
        config.workeroutput[PART] = own  # type: ignore[attr-defined]
        if run.targets:
            run.recorder.write(total.summary())
        return
    examined, ran, held = (set[str]().union(*found) for found in zip(own, *config.stash[PARTS], strict=True))
    if examined >= {_named(group, target) for _, group, target in items(config)}:
        total.ran, total.held = ran, held
    ended = exitstatus in ENDED and not (session.shouldstop or session.shouldfail)
    if ended:
        run.recorder.write(total.summary())
    _set_status(session, _report(config, run, ended))


def _report(config: pytest.Config, run: Session, ended: bool) -> reports.MergedRun:
    """The session as far as it came, with its report in the folder of the records, unless that cannot be written.

    The report of a run that lies there is kept.
    """
    path = run.recorder.path
    try:
        with written(path.parent):
            if path.name != RUN:
                config.stash[SAID] += filter(None, (gave_way(path.parent / RUN, lies) for lies in (ASIDE, RUN)))
            return finalize(path, path.parent, known=run.plan.known, ended=ended)[0]
    except UsageError as error:
        config.stash[REFUSED] = f"nnparity: there is no report: {error}"
        return reports.merge([path])


def _set_status(session: pytest.Session, merged: reports.MergedRun) -> None:
    """The exit status of a session in which no item failed."""
    if session.exitstatus not in NOTHING_FAILED:
        return
    if merged.stale:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif Counts.of(merged.verdicts).unjudged or REFUSED in session.config.stash:
        session.exitstatus = 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Where the report lies, and stale records."""
    run = config.stash.get(SESSION, None)
    if run is None or hasattr(config, "workerinput"):
        return
    merged = reports.merge([run.recorder.path])
    counts = Counts.of(merged.verdicts)
    terminalreporter.section("nnparity")
    terminalreporter.line(", ".join(f"{count} {grade}" for grade, count in counts.grades.items()) or "no verdict")
    while_rendered = memory.taken().troubles
    for told in store_lines(merged.kept, {*merged.troubles, *while_rendered}):
        terminalreporter.line(told)
    if counts.unjudged:
        terminalreporter.line(f"nnparity: {counts.unjudged}", red=True)
    for record in merged.stale:
        terminalreporter.line(f"stale record, nothing diverges there any more: {record}", red=True)
    if merged.incomplete:
        terminalreporter.line(f"nnparity: {merged.incomplete}", red=True)
    for told in config.stash[SAID]:
        terminalreporter.line(told)
    if refused := config.stash.get(REFUSED, ""):
        terminalreporter.line(refused, red=True)
    terminalreporter.line(f"records: {run.recorder.path}")
