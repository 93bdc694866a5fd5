"""The elements that a script compares: all while they are few, else those wrong by themselves, or the first."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nnparity.expect.expected import Expected
from nnparity.judge.grades import allowance, furthest, judge
from nnparity.reproduce.writing.answers import Answer, ordinary, permitted
from nnparity.reproduce.writing.comparison import judged as compared
from nnparity.reproduce.writing.literals import NUMBERS, READABLE
from nnparity.reproduce.writing.scene import Scene
from nnparity.reproduce.writing.telling import FEW, SHOWN, telling
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures
from nnparity.tests.judge.verdicts import verdict

Array = NDArray[np.float64]
SIZE = 4 * READABLE
F32, BF16 = DTYPES["float32"], DTYPES["bfloat16"]


def truth(size: int = SIZE) -> Expected:
    ones = np.ones(size)
    return Expected(ones, 1e-3 * ones, 1e-4 * ones)


def answer(of: Expected | None = None) -> Answer:
    return permitted(of or truth(), F32)


def test_few_elements_are_compared_as_they_are() -> None:
    told = telling([answer(truth(FEW))], np.full(FEW, 2.0), False)
    assert told.places is None
    assert not told.alone


def test_those_beyond_the_worst_case_are_enough() -> None:
    seen = np.ones(SIZE)
    seen[[3, 500, 900]] = 2.0, 1.5, np.nan
    told = telling([answer()], seen, False)
    assert told.alone
    assert told.places is not None
    assert told.places.tolist() == [3, 500, 900]
    assert told.answers[0].truth.value.shape == (3,)


def test_of_many_the_worst_are_shown() -> None:
    seen = np.ones(SIZE)
    seen[100:200] += np.linspace(0.01, 1.0, 100)
    told = telling([answer()], seen, False)
    assert told.places is not None
    assert told.places.tolist() == list(range(200 - SHOWN, 200))


def test_what_is_imprecise_as_a_mean_is_so_in_its_first_elements() -> None:
    told = telling([answer()], np.ones(SIZE) + 5e-4, False)
    assert not told.alone
    assert told.places is not None
    assert told.places.tolist() == list(range(READABLE))
    assert told.answers[0].chance == allowance(told.answers[0].truth)


def test_elements_that_err_late_are_not_looked_for() -> None:
    seen = np.ones(SIZE)
    seen[SIZE // 2 :] += 9e-4
    assert telling([answer()], seen, False).places is None


def test_elements_that_are_too_far_off_for_chance_are_enough() -> None:
    seen = np.ones(SIZE)
    seen[[17, 700]] += 5e-4, 4e-4  # of norm 2 five times, and four, which one of so many may be
    assert telling([answer()], seen, False).places is None  # of float32
    told = telling([permitted(truth(), BF16)], seen, False)
    assert told.alone
    assert told.rare
    assert told.places is not None
    assert told.places.tolist() == [17]
    assert told.answers[0].furthest == furthest(truth(), BF16)


def test_errors_that_go_together_are_compared_as_a_whole() -> None:
    correlated = ordinary(
        truth(), verdict(grade="imprecise", sharp=2.0, rms=5.0), np.ones(SIZE, np.float32) * 1.0005, F32
    )  # type: ignore[arg-type]
    assert correlated.chance != allowance(correlated.truth)
    assert correlated.furthest == math.inf
    assert telling([correlated], np.ones(SIZE) + 5e-4, False).places is None


def test_what_is_right_is_compared_as_a_whole() -> None:
    assert telling([answer()], np.ones(SIZE), False).places is None


def test_of_several_answers_each_element_may_be_any() -> None:
    zeros = permitted(Expected(np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE)), F32)
    seen = np.ones(SIZE)
    seen[:9], seen[40] = 0.0, 0.5
    told = telling([answer(), zeros], seen, False)
    assert told.places is not None
    assert told.places.tolist() == [40]


def test_the_sign_of_a_zero_may_count() -> None:
    of = Expected(np.zeros(SIZE), np.full(SIZE, 1e-9), np.full(SIZE, 1e-9))
    seen = np.zeros(SIZE)
    seen[7] = -0.0
    assert telling([permitted(of, F32)], seen, False).places is None
    signed = telling([permitted(of, F32)], seen, True)
    assert signed.places is not None
    assert signed.places.tolist() == [7]


def status(of: Expected, seen: Array, observed: Array, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Of the end of the script that is written of what was `seen`, where something else may be `observed` since."""
    case = Case(load()["tanh"], signatures(load()["tanh"])[0], "normal", BF16)
    told = telling([permitted(of, BF16)], seen, False)
    text = compared(Scene(case, "output", "torch:cpu:eager", {}, told, "", "where it comes from"))
    with pytest.raises(SystemExit) as end:
        exec(NUMBERS + text, {"np": np, "sys": sys, "observed": observed.copy()})
    assert isinstance(end.value.code, int)
    return end.value.code, capsys.readouterr().out


def unbounded(of: Expected) -> Expected:
    """With one element that may be anything, so that no script of plain numbers says what is right."""
    hard, sharp = of.hard.copy(), of.sharp.copy()
    hard[0] = sharp[0] = np.inf
    return Expected(of.value, hard, sharp)


def small(size: int) -> Expected:
    """Of numbers next to 0, so that half precision has digits for an error."""
    return replace(truth(size), value=np.full(size, 2.0**-20))


@pytest.mark.parametrize("of", [small(SIZE), small(FEW), unbounded(small(FEW))], ids=["rare", "plain", "several"])
def test_a_script_grades_one_element_that_is_too_far_off_as_the_judge_does(
    of: Expected, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its mean is as it should be."""
    for times, wrong in ((0.99, False), (1.01, True)):
        seen = of.value.astype(BF16.numpy)
        seen[3] = times * 1e-4 * furthest(of, BF16)
        found = judge(seen, of, BF16)
        seen = seen.astype(np.float64)
        assert found.rms is not None
        assert found.rms < allowance(of)
        assert (found.grade == "imprecise") == wrong
        code, told = status(of, seen, seen, capsys)
        assert code == int(wrong)
        assert (f"{found.sharp:.4g} of the sharp" in told) or not wrong
        assert status(of, seen, of.value, capsys)[0] == 0
        assert status(of, seen, np.full(of.value.shape, np.nan), capsys)[0] == 1
