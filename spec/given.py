"""A case whose numbers are given: those of another one without a part of them, arranged, or anybody's own.

It is not among `cases`, whose numbers follow from their names: by those alone what is expected of them is kept.
"""

from dataclasses import dataclass, field
from functools import cached_property

from nnparity.spec import Case
from nnparity.spec.cases.case import Arrays


@dataclass(frozen=True, eq=False)
class Given(Case):
    """A case whose numbers are given instead of drawn."""

    numbers: Arrays = field(default_factory=dict)
    against: Arrays = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Of one name there may be many, of other numbers each: it is equal to none but itself."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @cached_property
    def inputs(self) -> Arrays:
        """As given."""
        return self.numbers

    @cached_property
    def cotangents(self) -> Arrays:
        """As given."""
        return self.against


@dataclass(frozen=True, eq=False)
class Moving(Given):
    """A case whose tangents are given too."""

    along: Arrays = field(default_factory=dict)

    @cached_property
    def tangents(self) -> Arrays:
        """As given."""
        return self.along


@dataclass(frozen=True, eq=False)
class Curved(Given):
    """A case whose forward derivative is the second one along the tangents: d²f(x + sv)/ds² at s = 0, of each output.

    For f: Rⁿ → Rᵐ that is v'Hv of each element, where H is its matrix of second derivatives and v the tangents.
    """
