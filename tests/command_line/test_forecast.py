"""The time left: by the costs of before where they are told, else by those of the same kind of work."""

from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.command_line.running.forecast import Forecast, cost, measured
from nnparity.command_line.running.previous import FOLDER, RUN
from nnparity.execute.target import TargetName
from nnparity.reports.records import Finished, encode, read_run
from nnparity.run.engines.units import Unit, units
from nnparity.run.plan import Plan

CHEAP, DEAR = {"harness": 1.0, "expect": 0.9}, {"harness": 6.0, "frameworks": 2.0, "imports": 1.0, "judge": 3.0}


def kinds() -> dict[str, Unit]:
    """A composition, two formulas, and two further checks of one kind."""
    every = units(Plan((TargetName("numpy"),), formulas=("relu", "tanh", "listing_mlp"), dtypes=("float32",)))
    wanted = ("listing_mlp/float32", "relu/float32", "tanh/float32", "specials/relu", "specials/tanh")
    return {unit.title: unit for unit in every if unit.title in wanted}


def clock(times: Iterable[float]) -> Forecast:
    ticks = iter(times)
    return Forecast(list(kinds().values()), {}, lambda: next(ticks))


def test_all_seconds_of_a_unit_count_once() -> None:
    assert cost(CHEAP) == 1.0
    assert cost(DEAR) == 9.0


def test_nothing_is_told_before_a_unit_has_ended() -> None:
    forecast = clock(repeat(0.0))
    assert forecast.left is None
    forecast.ended("", DEAR)
    assert forecast.left is None


def test_a_unit_costs_what_others_of_its_kind_did_here() -> None:
    forecast = clock(chain((0.0, 100.0), (118.0, 120.0), repeat(120.0)))
    forecast.ended("", {"imports": 50.0})
    forecast.ended("listing_mlp/float32", DEAR)  # 9 CPU seconds in 18 s; of the other kinds nothing is known
    forecast.ended("relu/float32", CHEAP)  # 10 in 20 s: left are a formula of 1, and two checks of the mean, 5
    assert forecast.left == pytest.approx(2 * (1 + 5 + 5))


def test_what_it_cost_before_goes_first_at_the_pace_of_now() -> None:
    before = {"listing_mlp/float32": 90.0, "relu/float32": 1.0, "tanh/float32": 2.0, "specials/relu": 7.0}
    ticks = chain((0.0, 0.0), (30.0, 32.0), repeat(33.0))
    forecast = Forecast(list(kinds().values()), before, lambda: next(ticks))
    forecast.ended("", {})
    forecast.ended("listing_mlp/float32", {"harness": 180.0})  # twice what it was
    forecast.ended("relu/float32", {"harness": 2.0})
    # Left: twice 2 and twice 7, and of the last check, of which nothing is told, the mean; a second of it has passed.
    assert forecast.left == pytest.approx(32 * (4 + 14 + 91) / 182 - 1)


def test_a_clock_past_the_end_leaves_nothing() -> None:
    forecast = clock(chain((0.0, 1.0), repeat(1e6)))
    forecast.ended("relu/float32", CHEAP)
    assert forecast.left == 0.0


def test_costs_are_read_from_the_run_of_before_and_from_one_cut_short(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for path, lines in (
        (tmp_path / FOLDER / RUN, [("a", CHEAP), ("b", CHEAP)]),
        (tmp_path / RUN, [("b", DEAR)]),
    ):
        path.write_bytes(b"".join(encode(Finished(unit, seconds, [], [], {}, {}, [])) for unit, seconds in lines))
    with (tmp_path / RUN).open("ab") as file:
        file.write(encode(Finished("c", DEAR, [], [], {}, {}, []))[:40])
    assert measured(tmp_path) == {"a": 1.0, "b": 9.0}
    assert measured(tmp_path / "no such folder") == {}


def test_a_run_tells_the_next_one_what_its_units_cost(tmp_path: Path) -> None:
    small = ["run", "--backend", "numpy", "--formula", "relu", "--level", "quick", "--out", str(tmp_path)]
    assert cli.guarded(lambda: cli.application(small)) == 0
    told = {line.unit for line in read_run(tmp_path / RUN) if isinstance(line, Finished)}
    found = measured(tmp_path)
    assert set(found) == told != set()
    assert all(spent > 0 for spent in found.values())
