"""The shares of roundings: all of a tolerance, each where it belongs, and larger where more is rounded."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import nnparity.expect.contributions as module
from nnparity.expect.budgets import expect
from nnparity.expect.contributions import Contribution, contributions
from nnparity.expect.precision_models import arithmetic
from nnparity.reference import packs
from nnparity.spec.cases.naming import find
from nnparity.spec.packs import Pack
from nnparity.spec.precision import FUSED, NARROW

MODERN = Path(__file__).resolve().parents[2] / "packs" / "modern"
TANGENTS, OUTSIDE = (module.SAYS[place] for place in (module.GIVEN, module.OUTSIDE))


def shares(id: str, quantity: str, model: str = "accumulate-wide") -> list[Contribution]:
    case = find(id)
    return contributions(case, quantity, arithmetic(case.dtype.name, model=model))


@pytest.mark.parametrize(
    ("id", "quantity"),
    [
        ("layer_norm/n3d8/normal/float32", "output"),
        ("layer_norm/n3d8/normal/float32", "grad.x"),
        ("dense/n3i5j4/normal/float64", "jvp"),
        ("softmax/n3k5/normal/float32", "hvp.x"),
        ("listing_mlp/n8i64m32k10/normal/float32", "grad.w1"),
    ],
)
def test_the_shares_are_all_of_the_tolerance(id: str, quantity: str) -> None:
    found = shares(id, quantity)
    assert len(found) > 1
    for norm in ("hard", "sharp"):
        assert 0.99 < sum(getattr(one, norm) for one in found) <= 1.001


def test_the_lines_are_those_of_the_formula() -> None:
    product, bias = shares("dense/n3i5j4/normal/float32", "output")
    assert (product.file, bias.file) == ("mlp.py", "mlp.py")
    assert ("einsum" in product.text, "bias" in bias.text) == (True, True)


@pytest.fixture
def modern() -> Iterator[Pack]:
    """The pack, known while a test runs."""
    pack = packs.take(MODERN)
    yield pack
    packs.drop(pack)


@pytest.mark.parametrize("id", ["silu/n3d5/normal/float32", "rms_norm/n3d5/normal/float32"])
def test_the_lines_of_a_pack_are_told_like_the_primers(id: str, modern: Pack) -> None:
    file = f"{modern.formulas[id.partition('/')[0]].chapter}.py"
    for quantity in ("output", "grad.x"):
        found = shares(id, quantity)
        assert len(found) > 1
        assert {one.file for one in found} == {file}
        assert all(one.text in (MODERN / file).read_text("utf-8") for one in found)
    moved = shares(id, "jvp")
    assert {(one.file, one.text) for one in moved if not one.line} == {("", TANGENTS)}
    assert len([one for one in moved if one.file == file]) > 1


def test_what_no_line_of_a_formula_asks_for_is_not_called_tangents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORMULAS", ("nowhere",))
    module._of_a_formula.cache_clear()
    try:
        output, jvp = (shares("softmax/n3k5/normal/float32", quantity) for quantity in ("output", "jvp"))
    finally:
        module._of_a_formula.cache_clear()
    assert [(one.file, one.line, one.text) for one in output] == [("", 0, OUTSIDE)]
    assert {one.text for one in jvp} == {OUTSIDE, TANGENTS}


def test_what_lies_under_a_packs_folder_is_not_the_pack() -> None:
    """An environment may lie there, and the readings in it."""
    told = [module._of_a_formula(str(MODERN / name), (MODERN,)) for name in ("losses.py", "env/numpy/core.py")]
    assert told == [True, False]


def test_a_longer_sum_has_a_larger_share() -> None:
    share = [
        next(one.hard for one in shares(f"dense/{size}/normal/float32", "output") if "einsum" in one.text)
        for size in ("n3i2j4", "n3i5j4", "n3i50j4")
    ]
    assert share == sorted(share)
    assert share[2] > 0.9


def test_where_the_model_rounds_sums_they_have_the_larger_share() -> None:
    wide, narrow = (
        next(one.hard for one in shares("dense/n5i512j3/normal/bfloat16", "output", model) if "einsum" in one.text)
        for model in (FUSED, NARROW)
    )
    assert min(narrow, wide) > 0.5


def test_what_is_moved_only_is_not_rounded() -> None:
    assert shares("flatten/n2c3h4w5/normal/float32", "output") == []


def test_tolerances_are_the_same_before_and_after() -> None:
    """Lines are switched off and on in what readings share."""
    case = find("softmax/n3k5/normal/float32")
    before = expect(case, frozenset({"output"}))["output"]
    contributions(case, "output", arithmetic("float32"))
    after = expect(case, frozenset({"output"}))["output"]
    assert np.array_equal(before.hard, after.hard)
    assert np.array_equal(before.sharp, after.sharp)
