"""From a case to the request that a target is sent."""

from nnparity.adapters.request import Request
from nnparity.spec import Case

#: The quantities that need tangents.
SECOND_ORDER = frozenset({"jvp", "hvp"})


def request(case: Case, quantities: frozenset[str]) -> Request:
    """The case with all that its quantities need; of a formula without a derivative, its output alone."""
    wanted = quantities if case.formula.wrt else quantities & {"output"}
    return Request(
        formula=case.formula.id,
        inputs=dict(case.inputs),
        attributes=dict(case.signature.attributes),
        wrt=case.formula.wrt,
        outputs=tuple(case.formula.results),
        cotangents=dict(case.cotangents) if wanted - {"output", "jvp"} else {},
        tangents=dict(case.tangents) if wanted & SECOND_ORDER else {},
        quantities=wanted,
        dtype=case.dtype.name,
    )
