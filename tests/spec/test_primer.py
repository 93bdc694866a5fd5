"""The primer's table of contents has no hole: every formula stands in it, and it names only formulas that exist."""

from pathlib import Path

import pytest

from nnparity.reference import FORMULAS
from nnparity.spec import SpecError, load
from nnparity.spec.primer import FILE, entries


def test_every_formula_of_the_spec_stands_in_the_primer() -> None:
    named = {formula for entry in entries() for formula in entry.formulas}
    assert set(load()) - named == set()


def test_every_formula_has_one_reference_and_no_reference_is_an_orphan() -> None:
    assert set(FORMULAS) == set(load())


def test_every_section_of_the_primer_is_there() -> None:
    places = {entry.place for entry in entries()}
    sections = {"2.2", "2.3", "3.1.1", "3.1.2", "3.1.3", "3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.3.1", "3.3.2", "3.3.3"}
    sections |= {"3.4.1", "3.4.2", "3.4.3", "4.1", "4.2", "4.3", "4.4", "5", *(f"6.{n}" for n in range(1, 36))}
    assert sections <= places


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('formulas = ["no_such_formula"]', "no_such_formula"),
        ("", "either formulas or a reason"),
        ('kind = "song"', "song"),
    ],
)
def test_a_hole_is_refused_by_place(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "primer.toml"
    kind = "" if line.startswith("kind") else 'kind = "step"\n'
    path.write_text(f'[[entry]]\nplace = "9.9"\n{kind}says = "x"\n{line}\n')
    with pytest.raises(SpecError, match=says):
        entries(path)


def test_the_file_is_the_one_that_ships() -> None:
    assert FILE.name == "primer.toml"
