"""Every number of the narrow formats, a dense choice of the wide ones, and a tail."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.checks import items
from nnparity.checks.common import Finding
from nnparity.run.examiner import Examiner
from nnparity.spec import DTYPES, load
from nnparity.spec.cases.sweeps import TAIL, edges, points
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import ALL, cells, lines, plan, target, wrong

ELEMENTARY = [formula.id for formula in load().values() if formula.elementwise]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_all_numbers_of_a_narrow_format_are_swept(dtype: str) -> None:
    body = points(DTYPES[dtype])[:-TAIL].view(np.uint16)
    assert len(np.unique(body)) == len(body) == 2**16


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wide_format_is_swept_with_the_edges_of_every_binade(dtype: str) -> None:
    numbers = points(DTYPES[dtype])
    assert np.isin(edges(DTYPES[dtype]), numbers).all()
    assert numbers.dtype.type(-710.18) in numbers  # e^-x overflows in float64, e^x does not underflow
    size = len(numbers) - TAIL
    assert size & (size - 1) == 0
    assert TAIL % 2 == 1
    assert dtype == "float64" or len(np.unique(numbers)) > 200_000


@pytest.mark.parametrize("dtype", ALL)
def test_a_tail_repeats_what_the_body_holds(dtype: str) -> None:
    numbers = [number.tobytes() for number in points(DTYPES[dtype])]
    assert set(numbers[-TAIL:]) <= set(numbers[:-TAIL])
    assert len(set(numbers[-TAIL:])) == TAIL


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("formula", ELEMENTARY)
def test_the_reference_is_within_half_a_unit_everywhere(formula: str, dtype: str) -> None:
    found = lines(NumpyAdapter, "sweep", formula, dtypes=(dtype,))
    assert wrong(found) == {}
    text = cells(found)[f"{formula} {dtype}"]
    assert text == "exact" or float(text.split(" ulp")[0]) <= 0.5


def test_a_sigmoid_ends_where_its_exponential_overflows_or_in_the_last_subnormal_number() -> None:
    """Both are right in float64: what e^-x that is infinite gives, and what e^x gives."""
    assert wrong(lines(faulty.EndsEarly, "sweep", "sigmoid", dtypes=("float64",))) == {}
    assert wrong(lines(faulty.EndsTooEarly, "sweep", "sigmoid", dtypes=("float64",))) == {"sweep": {"output"}}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("adapter", [faulty.OddTail, faulty.OneBinade])
def test_a_wrong_tail_and_a_wrong_binade_diverge(adapter: type[Adapter], dtype: str) -> None:
    assert wrong(lines(adapter, "sweep", "tanh", dtypes=(dtype,))) == {"sweep": {"output"}}


def test_a_single_wrong_number_diverges() -> None:
    assert wrong(lines(faulty.OneNumber, "sweep", "sigmoid", dtypes=("float16",))) == {"sweep": {"output"}}


def test_a_tail_that_is_right_but_other_is_told() -> None:
    found = lines(faulty.OtherTail, "sweep", "tanh")
    assert wrong(found) == {}
    assert cells(found)["tanh float32"].endswith("the tail of the array otherwise than its body")


INFINITE = """
[infinite]
formula  = "tanh"
target   = "inside:*"
dtype    = ["float16"]
quantity = "output"
dataset  = "sweep"
versions = {}
unbounded = "it stands for a record that holds"
class    = "special value"
expects  = { answer = "infinity" }
reason   = "A binade is infinite."
upstream = "not reported"
"""


@pytest.mark.parametrize(("adapter", "known"), [(faulty.InfiniteBinade, "infinite"), (faulty.TwoBinades, None)])
def test_a_record_is_held_against_every_number_and_not_the_worst(
    adapter: type[Adapter], known: str | None, tmp_path: Path
) -> None:
    (tmp_path / "known.toml").write_text(INFINITE.replace("inside:*", f"{adapter.backend}:*"), encoding="utf-8")
    asked = replace(plan("tanh", dtypes=("float16",)), known=(tmp_path / "known.toml",))
    (item,) = (one for one in items(asked) if one.check == "sweep")
    examiner, swept = Examiner(asked), target(adapter)
    found = [examiner.enter(swept, one) for one in item.run(swept) if isinstance(one, Finding)]
    assert {one.quantity: one.known for one in found if one.grade == "diverges"} == {"output": known}
