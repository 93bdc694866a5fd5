"""Whatever a target does to its channel or its process costs one case, in time, and leaves nothing behind."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnparity.command_line import main as cli
from nnparity.execute.observer import Observer, TargetUnavailable
from nnparity.execute.target import Target, TargetName, start
from nnparity.tests.execute.hostile import DEEDS
from nnparity.tests.execute.test_observer import examined

HOSTILE = "nnparity.tests.execute.hostile"
TIMEOUT = 1.5
FATES = {
    "close": ("crashed", "it closed its channel and lived on; the process was killed"),
    "empty": ("error", "the answer cannot be read: "),
    "half": ("timed out", "no answer within 1.5 s"),
    "huge": ("error", "a message of 4611686018427387904 bytes was announced"),
    "negative": ("error", "a message of 18446744073709551615 bytes was announced"),
    "rubbish": ("error", "the answer cannot be read: "),
    "another type": ("error", "the answer cannot be read: "),
    "fork": ("timed out", "no answer within 1.5 s"),
    "real-time signal": ("crashed", "killed by signal 37"),
    "stop": ("timed out", "no answer within 1.5 s"),
    "wander": ("conforms", ""),
    "print": ("crashed", "exit status 4"),
    "surrogate": ("error", "[x]\\ud800\\x1b[31m"),
    "long": ("error", "xxx"),
    "names": ("error", "the adapter did not return this quantity"),
    "dates": ("diverges", "returned datetime64[s], expected float32"),
}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    target = start(TargetName(f"{HOSTILE}:Hostile"), ("float32",), timeout=TIMEOUT)
    yield target
    target.observer.close()


def test_every_attack_is_told() -> None:
    assert FATES.keys() == DEEDS.keys()


@pytest.mark.parametrize("do", FATES)
def test_an_attack_costs_its_case_and_no_other(target: Target, do: str) -> None:
    grade, told = FATES[do]
    begin = time.monotonic()
    before, bad, *after = examined(target, do).values()
    assert time.monotonic() - begin < TIMEOUT + 30  # a process ends, another starts
    assert {verdict.grade for verdict in bad} == {grade}
    assert all(told in (verdict.message or "") for verdict in bad), bad[0].message
    assert len(after) == 2
    assert {verdict.grade for group in (before, *after) for verdict in group} == {"conforms"}


def test_what_it_has_started_ends_with_it() -> None:
    observer = Observer(f"{HOSTILE}:Hostile", timeout=TIMEOUT)
    group = observer._process.pid
    try:
        examined(Target(observer, {"float32": False}), "fork")
    finally:
        observer.close()
    alive = subprocess.run(["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False).stdout
    assert not [state for state in alive.split() if not state.startswith("Z")]


def test_who_says_nonsense_of_itself_is_unavailable() -> None:
    with pytest.raises(TargetUnavailable, match=r"Liar:cpu: TypeError: "):
        Observer(f"{HOSTILE}:Liar")


def test_a_message_that_looks_like_markup_is_shown_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--formula", "relu", "--dtype", "float32", "--level", "quick", "--out", str(tmp_path), "--jobs", "1")
    assert cli.guarded(lambda: cli.application(["run", "--backend", f"{HOSTILE}:Markup", *options])) == 1
    assert "[/red]" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1"])
def test_a_time_limit_that_is_none_is_refused(seconds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--formula", "relu", f"--timeout={seconds}", "--out", str(tmp_path), "--jobs", "1")
    assert cli.guarded(lambda: cli.application(["run", "--backend", "numpy", *options])) == 2
    assert "is none" in capsys.readouterr().err
