"""Known divergences of one's own, and that those in the box are said of no other backend."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import msgspec
import pytest

from nnparity.adapters import registry
from nnparity.judge.known_divergences import Known
from nnparity.reports.records import ALSO_MET, KnownLine, Verdict, read_run
from nnparity.run.examiner import on_record
from nnparity.tests.authoring.conftest import Run

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/add-a-backend.md"
DOUBLED = """
from nnparity.adapters.numpy import NumpyAdapter

class KerasDoubled(NumpyAdapter):
    def observe(self, request):
        return {name: y + y for name, y in super().observe(request).items()}
"""
RECORD = """
[{id}]
formula  = "relu"
target   = "keras-doubled:*"
dtype    = ["float32"]
versions = {{ numpy = ">=1,<99" }}
class    = "wrong result"
expects  = {{ answer = ["finite", "infinity"] }}
reason   = "Everything twice."
upstream = "not reported"
"""
RUN = ("run", "--backend", "doubled.py:KerasDoubled", "--formula", "relu", "--dtype", "float32")


@pytest.fixture(autouse=True)
def own_files(folder: Path) -> None:
    (folder / "doubled.py").write_text(DOUBLED)
    (folder / "mine.toml").write_text(RECORD.format(id="mine"))
    (folder / "other.toml").write_text(RECORD.format(id="other").replace('"relu"', '"tanh"'))


def known() -> set[str]:
    return {line.id for line in read_run(Path("reports/out/parity.jsonl")) if isinstance(line, KnownLine)}


def test_a_file_of_records_explains_what_it_covers(nnparity: Run) -> None:
    assert nnparity(*RUN) == 1
    assert known() == set()
    assert nnparity(*RUN, "--known", "mine.toml", "--known", "other.toml") == 0
    assert known() == {"mine"}


def test_the_records_of_the_page_explain_all_that_the_skeleton_of_an_adapter_diverges_in(
    nnparity: Run, folder: Path
) -> None:
    records = re.search(r"^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert records
    (folder / "mine.toml").write_text(records[1], encoding="utf-8")
    run = ("run", "--backend", "mine_adapter.py:Mine", "--formula", "softmax", "--jobs", "1", "--no-scripts")
    assert nnparity("new-adapter", "mine") == 0
    assert nnparity(*run) == 1
    assert nnparity(*run, "--known", "mine.toml") == 0
    assert known() == {"mine-softmax-bfloat16", "mine-softmax-integers"}
    found = [line for line in read_run(Path("reports/out/parity.jsonl")) if isinstance(line, Verdict) and line.known]
    notes = [one.note for one in found if one.known == "mine-softmax-bfloat16"]
    assert notes == [f"{ALSO_MET}zeros, the negative, twice the result"] * 6


def test_a_record_of_ones_own_that_nothing_confirms_fails_the_run(
    nnparity: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "doubled.py").write_text(DOUBLED.replace("y + y", "y"))
    assert nnparity(*RUN, "--known", "mine.toml") == 1
    assert "stale records, nothing diverges there any more: mine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('"keras-doubled:*"', '"doubled.py:*"', "mine.toml: mine speaks of no verdict of this run"),
        ('"relu"', '"tanh"', "mine.toml: mine speaks of no verdict of this run"),
        ("numpy =", "numpie =", "mine.toml: mine speaks of other versions, or another processor, than this run's"),
    ],
)
def test_a_record_of_ones_own_that_speaks_of_nothing_is_told(
    nnparity: Run, folder: Path, right: str, wrong: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "mine.toml").read_text()
    assert nnparity(*RUN, "--known", "mine.toml") == 0
    assert "speaks of" not in capsys.readouterr().err
    assert right in text
    (folder / "mine.toml").write_text(text.replace(right, wrong))
    assert nnparity(*RUN, "--known", "mine.toml") == 1
    assert told in capsys.readouterr().err


def test_a_record_that_cannot_be_read_moves_no_report(nnparity: Run, folder: Path) -> None:
    assert nnparity(*RUN) == 1
    before = Path("reports/out/parity.jsonl").read_bytes()
    (folder / "mine.toml").write_text("mine = 3")
    assert nnparity(*RUN, "--known", "mine.toml") == 2
    assert Path("reports/out/parity.jsonl").read_bytes() == before
    assert not Path("reports/out/previous").exists()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("nowhere.toml",), "nowhere.toml cannot be read: No such file or directory"),
        (("mine.toml", "again.toml"), "again.toml: mine: there is a record of that id already"),
        (("doubled.py",), "doubled.py: not TOML"),
    ],
)
def test_what_is_wrong_with_such_a_file_is_told(
    nnparity: Run, folder: Path, files: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "again.toml").write_bytes((folder / "mine.toml").read_bytes())
    assert nnparity(*RUN, *(word for file in files for word in ("--known", file))) == 2
    assert told in capsys.readouterr().err


def test_an_installed_package_brings_its_records_along(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "my_backend"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemError('its framework is not to be imported here')\n")
    (folder / "mine.toml").rename(package / "known.toml")
    monkeypatch.syspath_prepend(folder)
    there = EntryPoints([EntryPoint("mine", "my_backend", registry.RECORD_GROUP)])
    monkeypatch.setattr(registry, "entry_points", lambda group: there.select(group=group))
    assert "mine" in {one.id for one in on_record()}
    assert "my_backend" not in sys.modules
    gone = EntryPoints([EntryPoint("gone", "nowhere_at_all", registry.RECORD_GROUP)])
    monkeypatch.setattr(registry, "entry_points", lambda group: gone.select(group=group))
    with pytest.raises(LookupError, match="names nowhere_at_all, which is no package here"):
        on_record()


def test_no_record_in_the_box_is_said_of_another_backend() -> None:
    """Not even where a pattern fits its name."""
    fits = set()
    for one in on_record():
        for verdict in about(one):
            assert not one.speaks_of(verdict), one.id
            if msgspec.structs.replace(one, backends=()).speaks_of(verdict):
                fits.add(one.id)
    assert fits, "a pattern does fit a name that begins like Keras on a backend"


def about(known: Known) -> Iterator[Verdict]:
    """Verdicts of other backends on what a record speaks of."""
    formula = known.formula if isinstance(known.formula, str) else known.formula[0]
    quantity = known.quantity if isinstance(known.quantity, str) else known.quantity[0]
    dataset = known.dataset if isinstance(known.dataset, str) else known.dataset[0]
    for backend in ("mine", "keras-mine", "torch-mine"):
        for mode in ("eager", "compiled"):
            place, names = f"{backend}:cpu:{mode}", (quantity.rstrip("*"), dataset)
            yield Verdict("relu/n1/normal/x", formula, "n1", names[1], known.dtype[0], place, names[0], "diverges")
