"""Files of a user's that are not what they are taken for: status 2 and one sentence that names the file."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.tests.invocation import invoked

PORT = ("port", "m.py:a", "m.py:a", "--inputs")


def damaged(path: Path) -> None:
    """An archive of which bytes in the middle are others."""
    np.savez_compressed(path, x=np.arange(5000.0))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)


#: Name -> (how the file is written, what is said of it).
ARRAYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.npy": (lambda path: path.write_bytes(b""), "empty.npy holds no arrays of NumPy: No data left in file"),
    "text.npy": (lambda path: path.write_text("1 2 3"), "text.npy holds no arrays of NumPy"),
    "short.npz": (lambda path: path.write_bytes(b"PK\3\4 and"), "short.npz holds no arrays of NumPy: File is not a"),
    "damaged.npz": (damaged, "damaged.npz holds no arrays of NumPy"),
    "nothing.npz": (np.savez, "nothing.npz holds no array"),
    "folder.npy": (Path.mkdir, "folder.npy holds no arrays of NumPy: [Errno 21]"),
    "nan.npy": (lambda path: np.save(path, np.array([1.0, np.nan])), "nan.npy holds NaN at [1]"),
    "nan.npz": (lambda path: np.savez(path, x=np.ones(2), y=np.array([np.nan])), "nan.npz y holds NaN at [0]"),
    "batch.npy": (lambda path: np.save(path, np.zeros((0, 4))), "batch.npy has shape (0, 4), which holds no number"),
    "texts.npy": (lambda path: np.save(path, np.array(["a"])), "texts.npy holds"),
}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command that ends with 2."""
    status = invoked(*arguments)
    told = capsys.readouterr().err
    assert status == 2, told
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize("name", ARRAYS)
def test_inputs_of_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    write, says = ARRAYS[name]
    write(tmp_path / name)
    assert says in refused(capsys, *PORT, str(tmp_path / name))


def test_pairs_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.ones(2))
    (tmp_path / "pairs.txt").write_bytes(b"\xff\xfe=\x00")
    told = refused(capsys, *PORT, str(tmp_path / "x.npy"), "--match-file", str(tmp_path / "pairs.txt"))
    assert "pairs.txt is no text in UTF-8" in told


def test_a_layer_with_two_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.ones(2))
    told = refused(capsys, *PORT, str(tmp_path / "x.npy"), "--match", "0=1", "--match", "2=2", "--match", "0=0")
    assert "the layer '0' is matched with '1' and with '0'" in told


@pytest.mark.skipif(find_spec("duckdb") is None, reason="DuckDB is not installed")
@pytest.mark.parametrize("content", [b"", b"no table at all", b"PAR1" + bytes(60) + b"PAR1"])
def test_a_table_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    (tmp_path / "afile").write_bytes(content)
    told = refused(capsys, "query", "grade = 'diverges'", "--table", str(tmp_path / "afile"))
    assert "afile cannot be read as Parquet" in told
