"""What draws the numbers of a case in a script gives the very numbers that the suite has, whatever the dataset."""

from collections.abc import Iterator

import numpy as np
import pytest

from nnparity.reproduce.writing import drawing
from nnparity.reproduce.writing.drawing import BFLOAT16, NAME, Drawing
from nnparity.reproduce.writing.literals import NUMBERS, PACKED
from nnparity.reproduce.writing.script import ROLES
from nnparity.reproduce.writing.sources import Extraction, module
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.loader import signatures

#: More than a script would hold as they are.
MANY = 10_000


def extraction() -> Extraction:
    return Extraction(module("nnparity.adapters.torch.backend"), "TorchAdapter", {})


def cases(dtype: str, salt: str = "") -> Iterator[Case]:
    for formula in load().values():
        for signature in signatures(formula)[:1]:
            for dataset in signature.datasets if dtype in formula.dtypes else ():
                yield Case(formula, signature, dataset, DTYPES[dtype], salt)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("salt", ["", "soak-7"])
def test_the_numbers_are_the_same_to_the_bit(dtype: str, salt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "FEW", 0)
    taken, told = extraction(), []
    for case in cases(dtype, salt):
        own = Drawing(case, taken, MANY)
        for kind, arrays in (("inputs", case.inputs), ("cotangents", case.cotangents), ("tangents", case.tangents)):
            told += [(own, case, kind, name, own.written(ROLES[kind], name, x), x) for name, x in arrays.items()]
    drawn = {case.dataset for own, case, *_ in told if own.drawn}
    assert len(drawn) > 8
    scope: dict[str, object] = {}
    exec("\n".join(["import base64, zlib", "import numpy as np", *taken.imports, *taken.blocks]), scope)
    exec(NUMBERS + PACKED + BFLOAT16, scope)
    for own, case, kind, name, text, x in told:
        if NAME in text:
            exec(own.head, scope)
            found = eval(text, scope)
            assert np.asarray(found, np.float64).tobytes() == x.astype(np.float64).tobytes(), (case.id, kind, name)


def test_few_numbers_and_those_drawn_elsewhere_stand_in_the_script() -> None:
    case = next(one for one in cases("float32") if one.formula.id == "dense")
    x = case.inputs["x"]
    assert NAME not in Drawing(case, extraction(), x.size).written("x", "x", x)
    assert NAME in Drawing(case, extraction(), MANY).written("x", "x", x)
    assert NAME not in Drawing(None, extraction(), MANY).written("x", "x", x)
