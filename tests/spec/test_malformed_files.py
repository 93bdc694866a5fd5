"""Formula files with odd values in them: each is refused with the file and the field named, or can be drawn from."""

import random
import re
from pathlib import Path

import pytest

from nnparity.spec import Formula, SpecError, loader
from nnparity.spec.cases.case import cases_of

#: What is put in the place of a number, a text, a list or a table.
ODD = (
    *("0", "-1", "-7", "10000000", "1e308", "nan", "inf", "true", '"x"', '""', "[]", "{}", "[0]", '[""]', "{ n = -1 }"),
    *('"n//0"', '"n-9"', '"n//2"', '"n*n"', '"1//0"', '"n d d"', '"\\u0000"', "99999999999999999999"),
)
VALUE = re.compile(r'-?\b\d+(?:\.\d+)?\b|"[^"\n]*"|\btrue\b|\bfalse\b|\[[^\[\]\n]*\]|\{[^{}\n]*\}')
FILES = 160


def spoilt(chance: random.Random) -> str:
    """The tables of one formula with one value changed."""
    source = chance.choice(sorted(loader.FOLDER.glob("*.toml"))).read_text(encoding="utf-8")
    tables = [table for table in re.split(r"(?m)^(?=\[[a-z0-9_]+\]$)", source) if table.startswith("[")]
    table = chance.choice(tables)
    place = chance.choice(list(VALUE.finditer(table)))
    return f"{table[: place.start()]}{chance.choice(ODD)}{table[place.end() :]}"


def read(folder: Path) -> tuple[str, dict[str, Formula]]:
    """The formulas; or why they are refused."""
    try:
        return "", loader.read(folder)
    except SpecError as error:
        return str(error), {}


@pytest.mark.parametrize("part", range(4))
def test_a_file_is_refused_by_name_or_can_be_drawn_from(part: int, tmp_path: Path) -> None:
    chance, path, refused = random.Random(part), tmp_path / "spoilt.toml", 0
    for _ in range(FILES // 4):
        path.write_text(spoilt(chance), encoding="utf-8")
        told, formulas = read(tmp_path)
        refused += bool(told)
        assert not told or str(path) in told
        for formula in formulas.values():
            for case in next(cases_of(formula, "float32", "full"), ()):
                assert case.inputs.keys() == formula.inputs.keys()
                assert case.cotangents
                break
    assert refused > FILES // 16
