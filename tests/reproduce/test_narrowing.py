"""Thousands of numbers cut down to the few that show it, on adapters with faults in one place."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nnparity.checks.threads import large
from nnparity.execute.target import TargetName, start
from nnparity.reproduce.cell import Cell, find
from nnparity.reproduce.narrowing import FEW, FILLED, _samples, narrowed
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.spec import load
from nnparity.spec.usage import UsageError

SWEPT = "tanh/n1d65549/sweep/float16"
FAULTY = "nnparity.tests.checks.faulty"
#: One sample is wrong, whose first number is the largest of all; or every gradient is, a little.
PLANTED = """
import numpy as np
from nnparity.adapters.numpy import NumpyAdapter

class {name}(NumpyAdapter):
    def observe(self, request):
        seen = super().observe(request)
        first = np.abs(next(iter(request.inputs.values()))[:, 0])
        {fault}
        return seen
"""
SAMPLE = "seen['output'] = np.where((first > 3)[:, None], 2 * seen['output'], seen['output'])"
TOGETHER = "seen['grad.b'] = 2 * seen['grad.b'] if 'grad.b' in seen else None"


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Iterator[Cell]:
    case, adapter, quantity = request.param
    target = start(TargetName.of(adapter), (case.rpartition("/")[2],))
    yield Cell(find(case), target, quantity)
    target.observer.close()


@pytest.mark.parametrize("cell", [(SWEPT, f"{FAULTY}:OneBinade", "output")], indirect=True)
def test_a_number_of_a_sweep_that_is_wrong_is_shown_alone(cell: Cell) -> None:
    few = narrowed(cell)
    assert few.case.signature.id == f"n1d{FILLED}"
    assert few.judged.grade == cell.judged.grade == "diverges"
    (x,) = few.case.inputs.values()
    assert len(np.unique(x)) == 1
    assert cell.judged.worst is not None
    assert few.seen[0, 0] == float(cell.judged.worst.observed)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ((SWEPT, f"{FAULTY}:OddTail", "output"), "it takes all of its 65,549 numbers"),
        ((SWEPT, "numpy", "output"), "none of its 65,549 numbers shows it by itself"),
    ],
    indirect=["cell"],
)
def test_what_no_few_numbers_show_is_told(cell: Cell, told: str) -> None:
    with pytest.raises(Unreproducible, match=told):
        narrowed(cell)


def planted(path: Path, name: str, fault: str) -> str:
    (path / "planted.py").write_text(PLANTED.format(name=name, fault=fault), encoding="utf-8")
    return f"{path / 'planted.py'}:{name}"


def test_of_samples_the_wrong_ones_are_shown(tmp_path: Path) -> None:
    case = large(load()["dense"], "float32")
    target = start(TargetName.of(planted(tmp_path, "Sample", SAMPLE)), ("float32",))
    few = narrowed(Cell(case, target, "output"))
    target.observer.close()
    assert 1 <= few.case.signature.dims["n"] <= FEW
    assert (np.abs(few.case.inputs["x"][:, 0]) > 3).all()
    assert few.case.inputs["w"].shape == case.inputs["w"].shape
    assert few.judged.grade == "diverges"


def test_of_a_graph_both_axes_of_its_matrix_are_cut() -> None:
    edges, nodes, places = np.arange(25.0).reshape(5, 5), np.arange(10.0).reshape(5, 2), np.array([3, 1])
    cut = _samples({"a": edges, "x": nodes}, {"a": "n n", "x": "n d"}, "n", places)
    assert cut["a"].tolist() == [[edges[3, 3], edges[3, 1]], [edges[1, 3], edges[1, 1]]]
    assert cut["x"].tolist() == nodes[places].tolist()


def test_what_all_samples_make_together_is_told(tmp_path: Path) -> None:
    target = start(TargetName.of(planted(tmp_path, "Together", TOGETHER)), ("float32",))
    with pytest.raises(Unreproducible, match=r"grad\.b is of all of its [\d,]+ samples together"):
        narrowed(Cell(large(load()["dense"], "float32"), target, "grad.b"))
    target.observer.close()


def test_another_cell_stays_as_it_is() -> None:
    target = start(TargetName.of("numpy"), ("float32",))
    one = Cell(find("tanh/n3d5/normal/float32"), target, "output")
    assert narrowed(one) is one
    target.observer.close()


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("dense/n1d65549/sweep/float16", "no formula that is swept is called 'dense'"),
        ("tanh/n1d7/sweep/float16", "no signature of tanh with sweep is called 'n1d7'"),
        ("tanh/n1d7/all cores/float32", "no signature of tanh with all cores is called 'n1d7'"),
    ],
)
def test_what_there_is_not_is_told(id: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        find(id)
