"""The trials of a search, on whatever answers: one set of switches after the other, on all cells still open."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nnparity.adapters.request import Array
from nnparity.adapters.switches.switch import Compiler, Switch
from nnparity.execute.target import TargetName
from nnparity.reproduce.passes.distance import distance
from nnparity.reproduce.passes.found import CHANGES, NOTHING, REFUSED, REMOVES, ROUNDING, Search, Tried

EAGER = "eager"
#: What a target answers in the cells of those places with some switches set, or why it does not.
Ask = Callable[[TargetName, Sequence[Switch], Sequence[int]], Sequence[Array | str]]


@dataclass(eq=False)
class Trial:
    """A cell on its way: what both modes gave without switches, and what was found so far."""

    place: int
    before: Array
    after: Array
    found: Search
    switches: list[Switch] = field(default_factory=list)
    nearer: list[Switch] = field(default_factory=list)

    def add(self, switch: Switch, tried: Tried, *, broad: bool) -> None:
        """One more switch, or one of much at once."""
        self.found.tried.append(tried)
        if tried.outcome in (CHANGES, ROUNDING) and not (switch.stage or switch.compound):
            self.switches.append(switch)
            if tried.left and tried.left.within(self.found.apart) and not broad:
                self.nearer.append(switch)


@dataclass(frozen=True)
class Trials:
    """The cells of one target, and what is asked."""

    compiler: Compiler
    compiled: TargetName
    eager: TargetName
    ask: Ask
    #: Whether a cell is done with what explains its difference; else all switches are tried on it.
    first: bool = False

    def asked(self, one: Switch, trials: Sequence[Trial]) -> None:
        """A switch by itself."""
        for trial, tried in zip(trials, self.tried(one, [one], trials), strict=True):
            trial.add(one, tried, broad=one in self.compiler.broad)

    def tried(self, named: Switch, switches: Sequence[Switch], trials: Sequence[Trial]) -> list[Tried]:
        """Switches on compiled code; where they do not do, and do something to eager code too, on both."""
        places = [trial.place for trial in trials]
        seen = dict(zip(places, self.ask(self.compiled, switches, places), strict=True))
        tried = {trial.place: _tried(named, seen[trial.place], trial) for trial in trials}
        left = [place for place, done in tried.items() if done.outcome not in (REMOVES, REFUSED)]
        if left and (self.compiler.both or any(one.both for one in switches)):
            for place, other in zip(left, self.ask(self.eager, switches, left), strict=True):
                found = seen[place]
                if isinstance(found, str) or isinstance(other, str):
                    continue
                if (left_over := distance(found, other)).none:
                    tried[place] = Tried(f"{named.name} in both modes", REMOVES, left_over)
        return list(tried.values())

    def switches(self, trials: Callable[[], Sequence[Trial]]) -> Iterator[Switch]:
        """Those that are written down, those of the passes that the programs went through, and the broad ones."""
        yield from self.compiler.switches
        if self.first and self.compiler.apart:
            self.at_once(trials())
        yield from self.passes(trials())
        yield from self.compiler.broad

    def passes(self, left: Sequence[Trial]) -> Iterator[Switch]:
        """Those of the passes that the programs of these cells went through."""
        if self.compiler.tracing is None or not left:
            return
        with tempfile.TemporaryDirectory(prefix="nnparity-") as folder:
            places = [trial.place for trial in left]
            seen = self.ask(self.compiled, [self.compiler.tracing(Path(folder))], places)
            same = [_same(one, trial.after) for one, trial in zip(seen, left, strict=True)]
            if any(same):  # else it is other programs that are traced
                yield from self.compiler.traced(Path(folder))

    def at_once(self, trials: Sequence[Trial]) -> None:
        """All switches of this version at once, of a compiler that has no part in eager code."""
        switches = self.known(trials[0]) if trials else []
        if switches:
            named = Switch(f"all {len(switches)} switches")
            for trial, tried in zip(trials, self.tried(named, switches, trials), strict=True):
                trial.found = replace(trial.found, at_once=tried)

    def known(self, trial: Trial) -> list[Switch]:
        """The switches that this version has: asked on one cell, as others end the process and are named then."""
        left = [one for one in (*self.compiler.switches, *self.compiler.broad) if not one.stage]
        while left and isinstance(said := self.ask(self.compiled, left, [trial.place])[0], str):
            fewer = [one for one in left if not any(flag in said for flag in one.flags)]
            left = fewer if fewer != left else []
        return left

    def together(self, trials: Sequence[Trial]) -> None:
        """All switches that change something at once, in cells where none does by itself.

        Then only single ones that leave it no farther off: of what a program cannot do without it may be anything.
        """
        self._together(trials, lambda trial: trial.switches)
        self._together(trials, lambda trial: trial.nearer)

    def _together(self, trials: Sequence[Trial], those: Callable[[Trial], list[Switch]]) -> None:
        sets: dict[str, list[Trial]] = {}
        for trial in trials:
            found, name = trial.found, " and ".join(one.name for one in those(trial))
            met = found.together is not None and found.together.switch == name
            if len(those(trial)) > 1 and not (found.named or found.removed or found.kernels or met):
                sets.setdefault(name, []).append(trial)
        for name, alike in sets.items():
            answers = self.tried(Switch(name), those(alike[0]), alike)
            for trial, tried in zip(alike, answers, strict=True):
                trial.found = replace(trial.found, together=tried)


def searches(
    blanks: Sequence[Search], compiler: Compiler, ask: Ask, only: str = "", *, first: bool = False
) -> list[Search]:
    """The searches for cells of one target.

    With `first` a cell is done once a switch removes its difference, or a stage of the compiler shows it: what comes
    behind that stage has no part in it then, or not the first. It is done too where the difference stays with all
    switches of a compiler that has no part in eager code.
    """
    if not blanks:
        return []
    trials = Trials(compiler, TargetName.of(blanks[0].compiled), TargetName.of(blanks[0].eager), ask, first)
    found = list(blanks)
    begun = list(_begun(trials, found))

    def left() -> list[Trial]:
        return [one for one in begun if not (first and one.found.done)]

    for switch in trials.switches(left):
        if only in switch.name and (still := left()):
            trials.asked(switch, still)
    trials.together(begun)
    for trial in begun:
        found[trial.place] = trial.found
    return found


def _begun(trials: Trials, found: list[Search]) -> Iterator[Trial]:
    """The cells in which the modes differ; of the others the search is over."""
    places = range(len(found))
    answers = [trials.ask(name, (), places) for name in (trials.eager, trials.compiled)]
    for place, before, after in zip(places, *answers, strict=True):
        if isinstance(before, str) or isinstance(after, str):
            name, said = (trials.eager, before) if isinstance(before, str) else (trials.compiled, after)
            found[place] = replace(found[place], problem=f"{name} gives nothing to compare: {said}")
            continue
        found[place] = replace(found[place], apart=distance(after, before), tried=[])
        if not found[place].apart.none:
            yield Trial(place, before, after, found[place])


def _same(seen: Array | str, after: Array) -> bool:
    return not isinstance(seen, str) and distance(seen, after).none


def _tried(switch: Switch, seen: Array | str, trial: Trial) -> Tried:
    if isinstance(seen, str):
        return Tried(switch.name, REFUSED, message=seen, stage=switch.stage)
    left = distance(seen, trial.before)
    if left.none:
        outcome = REMOVES
    elif distance(seen, trial.after).none:
        outcome = NOTHING
    else:
        outcome = ROUNDING if left.rounding and not trial.found.apart.rounding else CHANGES
    return Tried(switch.name, outcome, left, stage=switch.stage)
