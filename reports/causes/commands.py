"""The command that shows a verdict again, as it is typed into a shell; and what is to be said of it."""

import shlex
from fnmatch import fnmatchcase

import msgspec

from nnparity.reports.causes.repetition import moved
from nnparity.reports.formatting import visible
from nnparity.reports.merge import MergedRun
from nnparity.reports.order import ASKED_AGAIN, LAYOUTS
from nnparity.reports.records import ADAPTER, BY_ITSELF, REPEATED, RIGHT_AGAIN, SCRIPTS, Verdict
from nnparity.reports.statistics import fails

#: Datasets of the checks that ask more than one call, or arrays of another layout, as patterns: no script shows those.
SEVERAL_CALLS = (*ASKED_AGAIN, "several threads", "all cores, one sample", *LAYOUTS)


#: The grade of other bits for the same case.
CHANGES = "nondeterministic"
#: Formula and target.
Place = tuple[str, str]
#: Why what one command asks may come out right: the words that stand beside it.
FOLLOWS = "by its diagnosis it shows after the calls before alone: this asks them all, in their order"
ALONE = "a single command may not show it: asked once more by itself this case was right"
UNSTEADY = (
    "a single command may not show it: of one case this formula has other results from call to call (determinism)"
)
MOVED = "a single command may not show it: asked once more in the run this case gave other bits"
CHANCE = "a single command may not show it: bits that change from call to call may be the same by chance"


def unsteady(run: MergedRun) -> frozenset[Place]:
    """Formulas and targets of which one case had several results, further apart than rounding explains."""
    return frozenset((one.formula, one.target) for one in run.verdicts if _two_results(one))


def _two_results(verdict: Verdict) -> bool:
    """Whether it found two results so far apart: without margins one call raised, or gave what is no such result."""
    held = verdict.dataset in REPEATED and verdict.hard is not None
    return held and fails(verdict) and verdict.grade != CHANGES


def caution(run: MergedRun, found: frozenset[Place], verdict: Verdict) -> str:
    """What stands beside a command where one call may not show it again, of what is `unsteady`; else nothing."""
    script = run.scripts.get((verdict.case, verdict.target, verdict.quantity))
    said = {
        CHANCE: verdict.grade == CHANGES,
        FOLLOWS: _follows(verdict) and verdict.follows,
        MOVED: moved(verdict),
        ALONE: script is not None and script.why.startswith(BY_ITSELF),
        UNSTEADY: not _several_calls(verdict) and (verdict.formula, verdict.target) in found,
    }
    return next((words for words, holds in said.items() if holds), "")


def _follows(verdict: Verdict) -> bool:
    """Whether it follows, or may, from the cases before it in its group, which are known; a hunt's are its own."""
    return (
        (verdict.follows or verdict.diagnosis == RIGHT_AGAIN) and not verdict.layout and verdict.salt is msgspec.UNSET
    )


def reproduction(run: MergedRun, verdict: Verdict) -> str:
    """The command, with the packs of the run and its salt or the verdict's own, where it had any.

    ``nnparity reproduce CASE TARGET QUANTITY`` prints a script; where there can be none, ``nnparity run`` asks the case
    once more: of an adapter of one's own, of a framework that no script speaks to, of what is more than one call. It
    judges by the run's own files of known divergences too; a script shows numbers and judges by none. What follows from
    the cases before it is asked with all of its sizes, which one process is asked one after the other.
    """
    salts = {verdict.salted(environment.salt) for environment in run.environments}
    salt = ["--salt", *salts] if len(salts) == 1 and salts != {""} else []
    packs = _named(run, "packs", "--pack")
    words = ["nnparity", "reproduce", *packs, *salt, verdict.case, verdict.target, verdict.quantity]
    if backend := _run_again(run, verdict):
        known = _named(run, "known", "--known")
        cases = ["--case", verdict.case]
        if _follows(verdict):
            cases = of_all_cases(verdict.formula, verdict.signature, verdict.dtype)
        words = ["nnparity", "run", *packs, *known, "--backend", backend, *salt, *cases]
    return shlex.join(map(visible, words))


def of_all_cases(formula: str, signature: str, dtype: str) -> list[str]:
    """The options that ask all cases of those sizes, one after the other in one process."""
    return ["--formula", formula, "--signature", signature, "--dtype", dtype]


def _named(run: MergedRun, told: str, option: str) -> list[str]:
    """An option of the command line for each of what the plans name."""
    named = dict.fromkeys(one for environment in run.environments for one in environment.plan.get(told, ()))
    return [word for one in named for word in (option, one)]


def _run_again(run: MergedRun, verdict: Verdict) -> str | None:
    """The backend to run the case on, where no script can be made of it."""
    line = run.targets.get(verdict.target)
    properties = line.properties if line else {}
    if adapter := properties.get(ADAPTER):
        return f"{adapter}:{verdict.target.partition(':')[2]}"
    several = _several_calls(verdict) or _follows(verdict)
    return verdict.target if SCRIPTS in properties or several else None


def _several_calls(verdict: Verdict) -> bool:
    return any(fnmatchcase(verdict.dataset, pattern) for pattern in SEVERAL_CALLS)
