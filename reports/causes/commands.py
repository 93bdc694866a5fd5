"""The command that shows a verdict again, as it is typed into a shell."""

import shlex

from nnparity.reports.formatting import visible
from nnparity.reports.merge import MergedRun
from nnparity.reports.records import ADAPTER, Verdict


def reproduction(run: MergedRun, verdict: Verdict) -> str:
    """``nnparity reproduce CASE TARGET QUANTITY``, with the packs of the run and its salt, where it had any.

    No script speaks the language of an adapter of one's own: its case is run again.
    """
    salts = {environment.salt for environment in run.environments}
    salt = ["--salt", *salts] if len(salts) == 1 and salts != {""} else []
    named = dict.fromkeys(pack for environment in run.environments for pack in environment.plan.get("packs", ()))
    packs = [word for pack in named for word in ("--pack", pack)]
    line = run.targets.get(verdict.target)
    if line and (adapter := line.properties.get(ADAPTER)):
        backend = f"{adapter}:{verdict.target.partition(':')[2]}"
        return shlex.join(
            map(visible, ["nnparity", "run", *packs, "--backend", backend, *salt, "--case", verdict.case])
        )
    words = ["nnparity", "reproduce", *packs, *salt, verdict.case, verdict.target, verdict.quantity]
    return shlex.join(map(visible, words))
