"""What is on record of a framework's kernel: a layer that is off by no more is no fault of a port.

A record names the cases of a plan that show it. A port's arrays are its user's own, and may show it as well: so the
formula, the target, the dtype, the versions and the processor are compared, and the cases are not.
"""

from functools import cache

import msgspec

from nnparity.adapters.registry import FOLDER, builtin_names
from nnparity.judge.applicability import installed, instructions
from nnparity.judge.known_divergences import Known, load
from nnparity.judge.recorded_expectations import met
from nnparity.porting.pairs.formulas import KINDS
from nnparity.reports.records import PASSING, Verdict


def on_record(verdict: Verdict, kind: str, target: str) -> Verdict:
    """The verdict on a layer's result, with the id of the record that explains it when one does."""
    if verdict.grade in PASSING or not target:
        return verdict
    asked = msgspec.structs.replace(verdict, formula=KINDS[kind].like or kind, target=target)
    found = next((one.id for one in _rounding() if _explains(one, asked)), None)
    return msgspec.structs.replace(verdict, known=found)


def _explains(known: Known, verdict: Verdict) -> bool:
    return (
        known.concerns(verdict)
        and known.layout == "*"  # how its arrays lay is not told of a port
        and known.applies(installed(tuple(known.versions)), instructions())
        and met(known.expects, known.kind, verdict, None)
    )


@cache
def _rounding() -> list[Known]:
    """The records of results with bits missing: anything else is for the port's author to know."""
    return [one for one in load(FOLDER, builtin_names()) if one.kind == "reduced precision"]
