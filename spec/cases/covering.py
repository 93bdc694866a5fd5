"""A pairwise covering array: few rows in which any two levels of any two factors meet.

Greedy, row by row, as AETG (Cohen, Dalal, Fredman & Patton, IEEE Transactions on Software Engineering 23, 1997), but
without chance: the same rows on every machine, the first of them with the most new pairs. Two rules are ours. A level
stands for several values, of which one is taken that fits what binds the factors; two levels for which no values fit
are no pair. And a level may be `lone`, as an empty batch is: it hides what else there is, so that two other levels
have met only in a row without it (the negative values of PICT).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

Value = int | float | bool | str
#: A factor and a level, by their places.
Place = tuple[int, int]
Pair = tuple[Place, Place]
Row = dict[int, int]


@dataclass(frozen=True)
class Level:
    """One class of values, the least first."""

    name: str
    values: tuple[Value, ...]
    lone: bool = False


@dataclass(frozen=True)
class Factor:
    """What varies."""

    name: str
    levels: tuple[Level, ...]

    @property
    def plain(self) -> tuple[Value, ...]:
        """The values of the levels that are not lone."""
        return tuple(value for level in self.levels if not level.lone for value in level.values)


@dataclass(frozen=True)
class Meeting:
    """One row of the array: a value for each factor, and the name of its level."""

    values: Mapping[str, Value]
    levels: Mapping[str, str]


@dataclass
class Array:
    """The rows for factors that are bound by `fits`: whether some factors' values may be part of a row.

    It is told the least value of every factor too, and must say no only where no values from there on could mend it.
    `key` decides which values of a level come first.
    """

    factors: Sequence[Factor]
    fits: Callable[[Mapping[str, Value], Mapping[str, Value]], bool]
    key: str = ""
    _open: set[Pair] = field(default_factory=set)
    _partners: dict[Place, set[Place]] = field(default_factory=dict)
    _used: Counter[Place] = field(default_factory=Counter)

    def rows(self) -> Iterator[Meeting]:
        """The rows, until all pairs have met that can: first those of plain levels, then those with a lone one."""
        if len(self.factors) == 1:
            yield from self._alone(self.factors[0])
            return
        pairs = list(self.pairs())
        for lone in range(3):
            self._begin([pair for pair in pairs if sum(map(self._lone, pair)) == lone])
            while self._open:
                row = self._row()
                self._close(row)
                yield self._meeting(row)

    def pairs(self) -> Iterator[Pair]:
        """All pairs of levels for which there are values that fit."""
        for f, g in combinations(range(len(self.factors)), 2):
            for i, j in product(range(len(self.factors[f].levels)), range(len(self.factors[g].levels))):
                if self._values({f: i, g: j}):
                    yield (f, i), (g, j)

    def _lone(self, place: Place) -> bool:
        return self.factors[place[0]].levels[place[1]].lone

    def _begin(self, pairs: list[Pair]) -> None:
        self._open = set(pairs)
        self._partners = {place: set() for pair in pairs for place in pair}
        for one, other in pairs:
            self._partners[one].add(other)
            self._partners[other].add(one)

    def _alone(self, factor: Factor) -> Iterator[Meeting]:
        """Of one factor, each level."""
        for place, level in enumerate(factor.levels):
            if values := self._values({0: place}):
                yield Meeting(values, {factor.name: level.name})

    def _row(self) -> Row:
        """The level with most pairs to meet, with the best of its partners; then the best of each other factor."""
        first = max(self._partners, key=self._wanted)
        row: Row = dict((first, max(self._partners[first], key=self._wanted)))
        for f in sorted(set(range(len(self.factors))) - row.keys(), key=lambda f: -len(self.factors[f].levels)):
            row[f] = next(i for i in self._ranked(f, row) if self._values(row | {f: i}))
        return row

    def _wanted(self, place: Place) -> tuple[int, ...]:
        return len(self._partners[place]), -self._used[place], -place[0], -self._turn(*place)

    def _turn(self, f: int, i: int) -> int:
        """Among equals each level comes first in its turn, and those in the middle begin."""
        levels, rows = len(self.factors[f].levels), sum(self._used.values()) // len(self.factors)
        return (i - levels // 2 - rows) % levels

    def _ranked(self, f: int, row: Row) -> list[int]:
        """The levels of a factor, those first that meet most of the row for the first time, then those least used."""
        there = set(row.items())
        plain = [i for i, level in enumerate(self.factors[f].levels) if not level.lone]
        new = {i: len(self._partners.get((f, i), set()) & there) for i in plain}
        return sorted(plain, key=lambda i: (-new[i], self._used[f, i], self._turn(f, i)))

    def _close(self, row: Row) -> None:
        """All that has met in the row: with lone levels, only pairs that hold them all."""
        self._used.update(row.items())
        lone = {place for place in row.items() if self._lone(place)}
        for one, other in combinations(sorted(row.items()), 2):
            if lone <= {one, other} and (one, other) in self._open:
                self._open.remove((one, other))
                self._partners[one].remove(other)
                self._partners[other].remove(one)

    def _meeting(self, row: Row) -> Meeting:
        values = self._values(row, self._turned)
        levels = {self.factors[f].name: self.factors[f].levels[i].name for f, i in sorted(row.items())}
        return Meeting(values or {}, levels)

    def _turned(self, f: int, level: Level) -> tuple[Value, ...]:
        """The values of a level, each in its turn: which is first follows from the key."""
        name = f"{self.key}/{self.factors[f].name}/{level.name}"
        begin = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest())
        place = (begin + self._used[f, self.factors[f].levels.index(level)]) % len(level.values)
        return level.values[place:] + level.values[:place]

    def _values(
        self, row: Row, choice: Callable[[int, Level], tuple[Value, ...]] = lambda _, level: level.values
    ) -> dict[str, Value] | None:
        """Values for all factors that fit, those of the row from its levels; None where there are none."""
        wanted = {
            factor.name: choice(f, factor.levels[row[f]]) if f in row else factor.plain
            for f, factor in enumerate(self.factors)
        }
        least = {name: min(values) if _number(values[0]) else values[0] for name, values in wanted.items()}
        first = {name: values[0] for name, values in wanted.items()}
        if self.fits(first, least):
            return first
        order = [self.factors[f].name for f in (*row, *(f for f in range(len(self.factors)) if f not in row))]
        return self._search(order, wanted, least, {}) if self.fits({}, least) else None

    def _search(
        self,
        names: Sequence[str],
        wanted: Mapping[str, tuple[Value, ...]],
        least: Mapping[str, Value],
        values: dict[str, Value],
    ) -> dict[str, Value] | None:
        """Depth first."""
        if len(values) == len(names):
            return values
        name = names[len(values)]
        for value in wanted[name]:
            more = {**values, name: value}
            if self.fits(more, least) and (found := self._search(names, wanted, least, more)):
                return found
        return None


def _number(value: Value) -> bool:
    return not isinstance(value, str)
