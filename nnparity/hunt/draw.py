"""Random cases: a formula, sizes within what its pool declares, attributes, a dataset, a dtype, and a layout."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.cases.covering import Factor, Value
from nnparity.spec.cases.layouts import CONTIGUOUS, FREE
from nnparity.spec.cases.pool import DATASET, DTYPE, Bounds, factors, signature_of
from nnparity.spec.usage import UsageError

#: Draws before a formula is given up for another that is less bound.
TRIES = 200
#: The dataset that shows most plainly what is wrong.
PLAIN = "normal"


@dataclass(frozen=True)
class Prey:
    """One case to be tried, in a layout; `values` are those that sizes and attributes were made of."""

    formula: Formula
    values: Mapping[str, Value] = field(hash=False)
    dataset: str
    dtype: str
    salt: str
    layout: str = CONTIGUOUS

    @property
    def case(self) -> Case:
        """Its inputs follow from its id and its salt."""
        signature = signature_of(self.formula, bounds(self.formula), self.values, self.dataset, {})
        return Case(self.formula, signature, self.dataset, DTYPES[self.dtype], self.salt)

    @property
    def fits(self) -> bool:
        """Whether the formula allows such sizes."""
        whole = {**self.values, DATASET: self.dataset, DTYPE: self.dtype}
        return bounds(self.formula).fit(whole, whole)


def bounds(formula: Formula) -> Bounds:
    """What binds the sizes of the formula."""
    assert formula.pool is not None
    return Bounds(formula, formula.pool)


def draws(formulas: Sequence[Formula], dtypes: Sequence[str], seed: str) -> Iterator[Prey]:
    """Without end; the n-th follows from the seed and n alone. Raises UsageError where no formula has a pool."""
    able = [formula for formula in formulas if formula.pool and set(formula.dtypes) & set(dtypes)]
    if not able:
        raise UsageError("none of these formulas declares a pool of sizes in one of these dtypes")
    return _endlessly(able, dtypes, seed)


def _endlessly(able: Sequence[Formula], dtypes: Sequence[str], seed: str) -> Iterator[Prey]:
    number = 0
    while True:
        number += 1
        if (prey := draw(able, dtypes, f"{seed}-{number}")) is not None:
            yield prey


def draw(formulas: Sequence[Formula], dtypes: Sequence[str], key: str) -> Prey | None:
    """One case, or None where chance met no sizes that fit each other."""
    chance = random.Random(key)  # noqa: S311  (it need not be secret, and must be the same again)
    formula = chance.choice(formulas)
    assert formula.pool is not None
    free = factors(formula, formula.pool)
    dtype = chance.choice([one for one in dtypes if one in formula.dtypes])
    layout = chance.choice((CONTIGUOUS, *FREE))
    for _ in range(TRIES):
        values = {factor.name: _value(factor, chance) for factor in free if factor.name != DTYPE}
        prey = Prey(formula, values, str(values.pop(DATASET)), dtype, f"hunt-{key}", layout)
        if prey.fits:
            return prey
    return None


def _value(factor: Factor, chance: random.Random) -> Value:
    """Any size from the least of a class to its largest: not only those that stand for it."""
    level = chance.choice(factor.levels)
    sizes = [value for value in level.values if type(value) is int]
    return chance.randint(min(sizes), max(sizes)) if len(sizes) > 1 else chance.choice(level.values)
