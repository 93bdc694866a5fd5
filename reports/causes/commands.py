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
    once more: of an adapter of one's own, of a framework that no script speaks to, of what is more than one call.
    """
    salts = {verdict.salted(environment.salt) for environment in run.environments}
    salt = ["--salt", *salts] if len(salts) == 1 and salts != {""} else []
    named = dict.fromkeys(pack for environment in run.environments for pack in environment.plan.get("packs", ()))
    packs = [word for pack in named for word in ("--pack", pack)]
    words = ["nnparity", "reproduce", *packs, *salt, verdict.case, verdict.target, verdict.quantity]
    if backend := _run_again(run, verdict):
        words = ["nnparity", "run", *packs, "--backend", backend, *salt, "--case", verdict.case]
    return shlex.join(map(visible, words))


def _run_again(run: MergedRun, verdict: Verdict) -> str | None:
    """The backend to run the case on, where no script can be made of it."""
    line = run.targets.get(verdict.target)
    properties = line.properties if line else {}
    if adapter := properties.get(ADAPTER):
        return f"{adapter}:{verdict.target.partition(':')[2]}"
    return verdict.target if SCRIPTS in properties or verdict.dataset in SEVERAL_CALLS else None
