"""What was not judged, with its reason: declared by an adapter, or met while observing."""

from dataclasses import dataclass, field

from nnparity.reports.aggregation import Aggregate, quantity_order
from nnparity.reports.records import Verdict


@dataclass
class Unsupported:
    """Something not judged, for one reason: by these targets, in these dtypes, for these quantities."""

    formula: str
    reason: str
    targets: dict[str, None] = field(default_factory=dict)
    dtypes: dict[str, None] = field(default_factory=dict)
    quantities: dict[str, None] = field(default_factory=dict)
    verdicts: int = 0

    def add(self, verdict: Verdict) -> None:
        """Count one more verdict in."""
        self.targets[verdict.target] = self.dtypes[verdict.dtype] = self.quantities[verdict.quantity] = None
        self.verdicts += 1

    @property
    def scope(self) -> str:
        """What of the formula is meant: dtypes and quantities, or all of it when it was declared."""
        if not self.verdicts:
            return "the whole formula"
        return ", ".join(self.dtypes) + ": " + ", ".join(sorted(self.quantities, key=quantity_order))


def unsupported(aggregate: Aggregate) -> list[Unsupported]:
    """All that was not judged, with its reason: declared by an adapter or met while observing."""
    found: dict[tuple[str, str], Unsupported] = {}
    for verdict in aggregate.run.verdicts:
        if verdict.grade == "unsupported":
            reason = verdict.message or verdict.note or "no reason given"
            key = verdict.formula, reason
            found.setdefault(key, Unsupported(*key)).add(verdict)
    for line in aggregate.present:
        for formula, reason in line.unsupported.items():
            found.setdefault((formula, reason), Unsupported(formula, reason)).targets[line.target] = None
    order = {line.id: place for place, line in enumerate(aggregate.formulas)}
    return sorted(found.values(), key=lambda item: (order.get(item.formula, len(order)), item.formula))
