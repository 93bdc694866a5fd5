"""A change of any file that a result depends on makes another digest."""

import shutil
from pathlib import Path

import pytest

from nnparity.store import sources
from nnparity.store.sources import HOUSE, KINDS

ROOMS = ("spec", "reference", "expect", "judge")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(HOUSE / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digest(house: Path, *rooms: str) -> bytes:
    return sources.digest.__wrapped__(*rooms or ROOMS, house=house)


def test_a_copy_has_the_same_digest(house: Path) -> None:
    assert digest(house) == sources.digest(*ROOMS)


def test_a_change_of_any_file_is_another_digest(house: Path) -> None:
    before = digest(house)
    files = [path for path in house.rglob("*") if path.suffix in KINDS]
    assert {"budgets.py", "activation.toml", "sums.py", "case.py", "sensitivity.py"} <= {path.name for path in files}
    for path in files:
        contents = path.read_bytes()
        path.write_bytes(contents + b"\n")
        assert digest(house) != before, path
        path.write_bytes(contents)
    assert digest(house) == before


def test_a_file_more_or_renamed_is_another_digest(house: Path) -> None:
    before = digest(house)
    more = house / "expect" / "more.py"
    more.write_text("")
    with_more = digest(house)
    more.rename(house / "expect" / "another.py")
    assert len({before, with_more, digest(house)}) == 3
    (house / "expect" / "another.py").unlink()


def test_rooms_that_are_not_asked_for_do_not_matter(house: Path) -> None:
    expect, path = digest(house, "spec", "reference", "expect"), house / "judge" / "grades.py"
    contents = path.read_bytes()
    path.write_bytes(contents + b"\n")
    assert digest(house, "spec", "reference", "expect") == expect
    path.write_bytes(contents)


@pytest.mark.parametrize("name", ["numpy", "scipy", "ml_dtypes", "flint", "python", "machine", "bytes"])
def test_another_environment_is_another_digest(house: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, usual = digest(house), sources.environment()
    assert usual[name]
    monkeypatch.setattr(sources, "environment", lambda: usual | {name: "another"})
    assert digest(house) != before
