"""From a case to the request that a target is sent."""

from nnparity.adapters.request import Request
from nnparity.spec import Case

#: The quantities that need tangents.
SECOND_ORDER = frozenset({"jvp", "hvp"})


def request(case: Case, quantities: frozenset[str], together: frozenset[str] = frozenset()) -> Request:
    """The case with all that its quantities need; of a formula without a derivative, its output alone.

    `together` is what other cases of the same sizes are asked for, so that one program may serve all.
    """
    wanted = case.formula.families(quantities)
    more = together if wanted - {"output"} else frozenset()
    return Request(
        formula=case.formula.id,
        inputs=dict(case.inputs),
        attributes=dict(case.signature.attributes),
        wrt=case.formula.wrt,
        outputs=tuple(case.formula.results),
        cotangents=dict(case.cotangents) if wanted - {"output", "jvp"} else {},
        tangents=dict(case.tangents) if (wanted | more) & SECOND_ORDER else {},
        quantities=wanted,
        together=more,
        dtype=case.dtype.name,
    )
