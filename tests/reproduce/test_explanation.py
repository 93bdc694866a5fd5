"""A case in words, and a record."""

import re

import pytest

from nnparity.adapters.registry import FOLDER
from nnparity.checks import DATASETS
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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("dense/n3i5j4/rejects: bias of size 1/float32",), "expected  that the target raises: "),
        (("tanh/n257d257/all cores/float32", "grad.x"), "units roundoff"),
        (("tanh/n1d65549/sweep/bfloat16",), "units roundoff"),
        (("dense/n3i5j4/nan in others/float32",), "units roundoff"),
        (("gelu/n3d5/normal/float32", "output.with_grad"), "units roundoff"),
    ],
)
def test_cases_of_the_further_checks_are_explained_too(arguments: tuple[str, ...], told: str, capsys: Output) -> None:
    assert explain(*arguments) == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("check", ["determinism", "layouts"])
def test_what_is_held_against_another_call_is_said_to_be_so(check: str, capsys: Output) -> None:
    for dataset in DATASETS[check]:
        assert explain(f"relu/n4d257/{dataset}/float32") == 2
        told = capsys.readouterr().err
        assert told.startswith(f"nnparity: '{dataset}' belongs to the check '{check}', which asks more than one call: ")
        assert "run --case" in told


def test_of_what_must_be_refused_there_is_no_gradient(capsys: Output) -> None:
    assert explain("dense/n3i5j4/rejects: bias of size 1/float32", "grad.x") == 2
    assert "there are: output" in capsys.readouterr().err
