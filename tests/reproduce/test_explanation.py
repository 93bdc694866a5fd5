"""A case in words, and a record."""

import re

import pytest

from nnparity.adapters.registry import FOLDER
from nnparity.command_line import main as cli
from nnparity.judge.known_divergences import load

Output = pytest.CaptureFixture[str]


def explain(*arguments: str) -> int | str | None:
    return cli.guarded(lambda: cli.application(["explain", *arguments]))


def test_a_case_is_explained_with_its_shares(capsys: Output) -> None:
    assert explain("layer_norm/n3d8/normal/float32", "grad.x") == 0
    told = capsys.readouterr().out
    assert told.startswith("layer_norm/n3d8/normal/float32 grad.x\nformula   ")
    assert all(word in told for word in ("\ninput     gamma (8,) from ", "\ncotangent output (3, 8)", "units roundoff"))
    assert "\ntangent " not in told
    hard = [float(one) for one in re.findall(r"^ +([\d.]+)% +[\d.]+%  ", told, re.MULTILINE)]
    assert len(hard) > 4
    assert 98 < sum(hard) < 102


@pytest.mark.parametrize("id", ["torch-gelu-infinity", "torch-gelu-gradient-float32"])
def test_a_record_is_told(id: str, capsys: Output) -> None:
    known = next(one for one in load(FOLDER) if one.id == id)
    assert explain(id) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in (f"{known.id}: {known.kind}", known.reason, known.upstream, "versions  torch"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("relu/n3d5/normal/float32", "grad.y"),
        ("relu/n3d5/norml/float32",),
        ("no-such-record",),
        ("relu/n3d5/normal/float32", "output", "--model", "exact"),
    ],
)
def test_what_is_not_there_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert explain(*arguments) == 2
