"""The plan: a selection of the spec, and the targets that a run takes through it."""

from dataclasses import dataclass

from nnparity.adapters.registry import names
from nnparity.execute.target import DEVICES, TargetName
from nnparity.spec.selection import Selection, require


@dataclass(frozen=True)
class Plan(Selection):
    """What to run. Raises UsageError for what is not there."""

    targets: tuple[TargetName, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require("device", tuple(target.device for target in self.targets), DEVICES)
        require("backend", tuple(t.backend for t in self.targets if ":" not in t.backend), tuple(names()))

    def described(self) -> dict[str, list[str]]:
        """The plan as the run's first line tells it."""
        return {
            "targets": [str(target) for target in self.targets],
            "formulas": [formula.id for formula in self.chosen()],
            "dtypes": list(self.dtypes),
            "quantities": list(self.quantities),
            "level": [self.level],
        }
