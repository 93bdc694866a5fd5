"""What is installed is what lies in the folders: no package forgotten, no module twice, no data file left behind."""

import configparser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from nnparity.adapters.registry import MORE

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("adapters", "reference", "reports", "spec")
#: These tests speak of a checkout, so they stay in it.
STAYS = PurePosixPath("nnparity/tests/packaging")
#: Folders that running the suite leaves behind.
LEFTOVERS = {"__pycache__", "out"}

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
PACKAGES: list[str] = SETUPTOOLS["packages"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]


def places() -> set[PurePosixPath]:
    """Where each file of the checkout belongs among the installed packages. Symlinked folders are not entered."""
    found = set()
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT / folder)
            if path.is_file() and not LEFTOVERS.intersection(inside.parts):
                found.add(PurePosixPath(*package.split("."), *inside.parts))
    return {place for place in found if not place.is_relative_to(STAYS)}


def test_every_folder_with_a_module_is_listed() -> None:
    assert sorted(PACKAGES) == sorted({".".join(place.parent.parts) for place in places() if place.suffix == ".py"})


@pytest.mark.parametrize("package", PACKAGES)
def test_a_listed_package_is_a_regular_one(package: str) -> None:
    assert PurePosixPath(*package.split("."), "__init__.py") in places()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_reached_through_its_symlink(room: str) -> None:
    assert (ROOT / "nnparity" / room).readlink() == Path("..", room)


def test_tests_have_no_symlink_and_so_are_collected_once() -> None:
    assert not (ROOT / "nnparity" / "tests").exists()


def test_the_extra_all_names_every_other_but_those_of_developers_and_of_clusters() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert extras["more"] == [f"nnparity[{','.join(MORE)}]"]
    others = [name for name in extras if name not in {"all", "browser", "dev", "docs", "more", "ray", *MORE}]
    assert extras["all"] == [f"nnparity[{','.join(others)}]"]


def test_the_shipped_pytest_settings_are_ours_without_a_cache() -> None:
    ours = PYPROJECT["tool"]["pytest"]["ini_options"]
    shipped = configparser.ConfigParser()
    shipped.read(ROOT / "nnparity" / "pytest.ini", encoding="utf-8")
    assert shipped["pytest"]["addopts"].split() == [*ours["addopts"], "-p", "no:cacheprovider"]
    assert shipped["pytest"]["minversion"] == ours["minversion"]
    assert shipped["pytest"]["timeout"] == str(ours["timeout"])
    assert shipped["pytest"].getboolean("xfail_strict") == ours["xfail_strict"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to build from, so that the checkout itself gets no build folder."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("nnparity", *ROOMS, "tests"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns(*LEFTOVERS))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def test_the_wheel_holds_each_file_once(checkout: Path) -> None:
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    built = subprocess.run([sys.executable, "-c", build], cwd=checkout, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = (checkout / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(members) == sorted(map(str, places()))
