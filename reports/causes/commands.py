"""The command that shows a verdict again, as it is typed into a shell."""

import shlex

from nnparity.reports.formatting import visible
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import ADAPTER, SCRIPTS, Verdict

#: Datasets of the checks that ask more than one call, or arrays of another layout: no script shows those.
SEVERAL_CALLS = (
    *("again", "read after another call", "in another process", "first sample alone", "several threads"),
    *("transposed", "strided", "unaligned", "expanded", "channels last", "aliased", "mixed"),
)


def reproduction(run: MergedRun, verdict: Verdict) -> str:
    """The command, with the packs of the run and its salt or the verdict's own, where it had any.

    ``nnparity reproduce CASE TARGET QUANTITY`` prints a script; where there can be none, ``nnparity run`` asks the case
    once more: of an adapter of one's own, of a framework that no script speaks to, of what is more than one call. It
    judges by the run's own files of known divergences too; a script shows numbers and judges by none.
    """
    salts = {verdict.salted(environment.salt) for environment in run.environments}
    salt = ["--salt", *salts] if len(salts) == 1 and salts != {""} else []
    packs = _named(run, "packs", "--pack")
    words = ["nnparity", "reproduce", *packs, *salt, verdict.case, verdict.target, verdict.quantity]
    if backend := _run_again(run, verdict):
        known = _named(run, "known", "--known")
        words = ["nnparity", "run", *packs, *known, "--backend", backend, *salt, "--case", verdict.case]
    return shlex.join(map(visible, words))


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
    return verdict.target if SCRIPTS in properties or verdict.dataset in SEVERAL_CALLS else None
