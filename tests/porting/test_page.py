"""The page on porting: its examples run, and its words are those of the code."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.porting.pairs.formulas import KINDS
from nnparity.reference.readings.budget.core import COMPOSED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "port-a-model.md"


@pytest.mark.skipif(any(find_spec(name) is None for name in ("torch", "keras")), reason="a framework is not installed")
def test_the_examples_run() -> None:
    command = [sys.executable, "-m", "doctest", str(PAGE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_factor_is_that_of_compositions() -> None:
    assert PAGE.read_text(encoding="utf-8").count(f"{COMPOSED:g}") >= 2


def test_every_kind_takes_its_parameters_by_name() -> None:
    for kind in KINDS.values():
        assert kind.parameters
        assert not kind.takes({"nosuch": 1})
