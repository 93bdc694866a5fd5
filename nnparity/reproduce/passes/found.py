"""What a search found: how far two modes are apart in a cell, and what each switch of the compiler does to that."""

from dataclasses import dataclass, field

from nnparity.reproduce.passes.distance import Distance

#: What a switch does to the difference between the modes.
REMOVES, ROUNDING, CHANGES, NOTHING, REFUSED = (
    "removes it",
    "leaves a rounding",
    "changes it",
    "nothing",
    "cannot be had",
)


@dataclass(frozen=True)
class Tried:
    """What became of a switch: one of the words above; how far it is from eager code then."""

    switch: str
    outcome: str
    left: Distance | None = None
    message: str = ""
    stage: bool = False


@dataclass(frozen=True)
class Search:
    """A cell in two modes: how far they are apart, and what each switch does to that."""

    case: str
    quantity: str
    eager: str
    compiled: str
    compiler: str
    apart: Distance
    tried: list[Tried] = field(default_factory=list)
    together: Tried | None = None
    #: All switches of this version of the compiler, where it has no part in eager code.
    at_once: Tried | None = None
    #: Why there is nothing to compare.
    problem: str = ""

    @property
    def named(self) -> list[Tried]:
        """The switches that remove the difference; where none does, those that leave a rounding of a larger one."""
        single = [one for one in self.tried if not one.stage]
        removing = [one for one in single if one.outcome == REMOVES]
        return removing or [one for one in single if one.outcome == ROUNDING]

    @property
    def several(self) -> list[Tried]:
        """What became of switches that were set at once."""
        return [one for one in (self.at_once, self.together) if one]

    @property
    def by_one(self) -> bool:
        """Whether there is no difference, or one switch takes it away."""
        return self.apart.none or any(one.outcome == REMOVES for one in self.named[:1])

    @property
    def removed(self) -> bool:
        """Whether there is no difference, or a switch takes it away, or all that change it together."""
        return self.by_one or any(one.outcome == REMOVES for one in self.several)

    @property
    def kernels(self) -> bool:
        """Whether it stays with all switches at once, so that it is of the code of the operations themselves."""
        return not self.removed and self.at_once is not None and self.at_once.outcome in (CHANGES, NOTHING)

    @property
    def done(self) -> bool:
        """Whether what makes the difference is known: what removes it, where it comes in, or that no switch does."""
        return self.by_one or self.stage is not None or self.kernels

    @property
    def stage(self) -> Tried | None:
        """The first stage of the compiler behind which there is a difference; None where there is one behind none."""
        return next((one for one in self.tried if one.stage and one.outcome not in (REMOVES, REFUSED)), None)
