"""Whatever a target does to its channel or its process costs one case, in time, and leaves nothing behind."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.request import Failure, Request
from nnparity.checks.common import failure
from nnparity.command_line import main as cli
from nnparity.execute import messages
from nnparity.execute.limits import with_limit
from nnparity.execute.observer import NOT_ASKED, Observer, TargetUnavailable
from nnparity.execute.protocol import Response
from nnparity.execute.target import Target, TargetName, start
from nnparity.spec.schema import QUANTITIES
from nnparity.tests.execute import unruly
from nnparity.tests.execute.hostile import DEEDS
from nnparity.tests.execute.test_observer import examined

HOSTILE = "nnparity.tests.execute.hostile"
TIMEOUT = 1.5
#: GiB that a target may have here.
MEMORY = "0.5"
FATES = {
    "answer again": ("conforms", ""),
    "answer twice": ("conforms", ""),
    "answer ahead": ("error", "the answer to request 2 came where that to 1 was due"),
    "exit 0": ("crashed", "the process died: exit status 0"),
    "abort": ("crashed", "killed by SIGABRT"),
    "exec": ("crashed", "the process died: exit status 0"),
    "terminate": ("crashed", "killed by SIGTERM"),
    "hoard": ("crashed", "MemoryError"),
    "interrupt": ("crashed", "KeyboardInterrupt"),
    "generator exit": ("crashed", "GeneratorExit"),
    "unclassed": ("crashed", "beyond Exception"),
    "unprintable": ("crashed", "nobody shall know"),
    "stop iteration": ("error", "StopIteration: no more"),
    "recursion": ("error", "RecursionError"),
    "deaf": ("timed out", "no answer within 1.5 s"),
    "alarm": ("crashed", "killed by SIGALRM"),
    "all files": ("error", "Too many open files"),
    "close output": ("conforms", ""),
    "forget inputs": ("conforms", ""),
    "patch": ("crashed", "the process died: exit status 1"),
    "thread": ("conforms", ""),
    "enormous": ("crashed", "MemoryError"),
    "large": ("diverges", "returned shape (4194304,), expected (3, 5)"),
    "big-endian": ("conforms", ""),
    "long double": ("diverges", "expected float32"),
    "truth values": ("diverges", "returned bool, expected float32"),
    "integers": ("diverges", "returned int64, expected float32"),
    "empty": ("diverges", "returned shape (0, 5), expected (3, 5)"),
    "one more axis": ("diverges", "returned shape (1, 3, 5), expected (3, 5)"),
    "transposed": ("diverges", "returned shape (5, 3), expected (3, 5)"),
    "backward in memory": ("conforms", ""),
    "masked array": ("error", "returned a masked array: 15 of 15 elements are masked"),
    "record array": ("error", "an array of objects: ragged, or not of numbers"),
    "nested": ("error", "the adapter returned dict, not an array"),
    "no quantity": ("error", "the adapter did not return this quantity"),
    "a generator": ("error", "the adapter returned generator, not a dict of quantities"),
    "close": ("crashed", "it closed its channel and lived on; the process was killed"),
    "empty message": ("error", "the answer cannot be read: "),
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
    "eighths": ("error", "the adapter returned an array of float8_e5m2, which nothing here reads"),
}


def test_a_message_is_read_in_the_byte_order_of_the_machine() -> None:
    sent = Request("relu", {"x": np.arange(3.0, dtype=">f4")})
    (asked,) = messages.asked(messages.of_requests([sent]))
    told = messages.answer(messages.of_answer(Response({"output": sent.inputs["x"]}, 0.0)))
    assert isinstance(told, Response)
    for found in (asked.inputs["x"], told.observation["output"]):
        assert isinstance(found, np.ndarray)
        assert (found.dtype, found.tolist()) == (np.dtype("float32"), [0.0, 1.0, 2.0])


#: What costs some quantities of a case: those that conform all the same, and the fate of the others.
PARTS = {
    "hang in hvp": ({"output", "grad.x", "jvp"}, "timed out"),
    "die in hvp": ({"output", "grad.x", "jvp"}, "crashed"),
    "die in grad": ({"output", "jvp", "hvp.x"}, "crashed"),
}


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[float, Target]]:
    """One for each time limit: a short one for who hangs, and one that a busy machine keeps for all others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNPARITY_MEMORY", MEMORY)
        found = {time: start(TargetName(f"{HOSTILE}:Hostile"), ("float32",), timeout=time) for time in (TIMEOUT, 60.0)}
        yield found
        for target in found.values():
            target.observer.close()


def made(targets: dict[float, Target], fate: str) -> Target:
    return targets[TIMEOUT if fate == "timed out" else 60.0]


def test_every_attack_is_told() -> None:
    assert FATES.keys() | PARTS.keys() == DEEDS.keys()
    assert len(DEEDS.keys() | unruly.DEEDS.keys()) >= 60


@pytest.mark.parametrize("do", FATES)
def test_an_attack_costs_its_case_and_no_other(targets: dict[float, Target], do: str) -> None:
    grade, told = FATES[do]
    before, bad, *after = examined(made(targets, grade), do).values()
    assert {verdict.grade for verdict in bad} == {grade}
    assert all(told in (verdict.message or "") for verdict in bad), bad[0].message
    assert len(after) == 2
    assert {verdict.grade for group in (before, *after) for verdict in group} == {"conforms"}


@pytest.mark.parametrize("do", PARTS)
def test_a_case_that_fails_in_one_derivative_keeps_the_rest(targets: dict[float, Target], do: str) -> None:
    kept, fate = PARTS[do]
    before, bad, *after = examined(made(targets, fate), do).values()
    assert {verdict.quantity for verdict in bad if verdict.grade == "conforms"} == kept
    assert {verdict.grade for verdict in bad if verdict.quantity not in kept} == {fate}
    assert {verdict.grade for group in (before, *after) for verdict in group} == {"conforms"}


X = np.ones((2, 3), np.float32)
ALL_OF_IT = ("output", "grad.x", "jvp", "hvp.x")
EVERYTHING = Request("tanh", {"x": X}, {}, ("x",), ("output",), {"output": X}, {"x": X}, frozenset(QUANTITIES))


def test_a_program_that_gives_all_quantities_costs_those_that_are_to_blame() -> None:
    observer = Observer(f"{HOSTILE}:DiesJointly")
    observer.submit([replace(EVERYTHING, together=EVERYTHING.quantities)])
    (seen,) = observer.collect()
    observer.close()
    assert {name for name, y in seen.observation.items() if isinstance(y, Failure)} == {"hvp.x"}


@pytest.mark.parametrize(
    ("kind", "lacking"), [("DiesForward", {"grad.x", "jvp", "hvp.x"}), ("DiesWithGradients", {"jvp", "hvp.x"})]
)
def test_what_a_target_has_of_no_formula_does_not_die_with_it(kind: str, lacking: set[str]) -> None:
    observer = Observer(f"{HOSTILE}:{kind}")
    observer.submit([EVERYTHING])
    (seen,) = observer.collect()
    observer.close()
    grades = {name: failed.grade for name in ALL_OF_IT if (failed := failure(seen.observation.get(name), seen))}
    assert grades == {name: "unsupported" if name in lacking else "crashed" for name in ALL_OF_IT}


def test_memory_that_a_method_is_denied_ends_the_process_and_costs_what_asked_for_it() -> None:
    observer = Observer(f"{HOSTILE}:Hoarder")
    observer.submit([EVERYTHING])
    (seen,) = observer.collect()
    observer.close()
    (lost,) = (y for y in seen.observation.values() if isinstance(y, Failure))
    assert lost is seen.observation["grad.x"]
    assert lost.kind == "crashed"
    assert "MemoryError: Unable to allocate" in lost.message


def test_a_derivative_that_hangs_time_and_again_is_asked_no_more_and_the_rest_is() -> None:
    observer = Observer(f"{HOSTILE}:Hostile", timeout=TIMEOUT)
    observer.patience = 1
    observer.submit([replace(EVERYTHING, attributes={"do": "hang in hvp"})] * 2)
    first, second = observer.collect()
    observer.close()
    for seen, told in ((first, f"no answer within {TIMEOUT} s"), (second, NOT_ASKED.format(1))):
        (lost,) = (y for y in seen.observation.values() if isinstance(y, Failure))
        assert lost is seen.observation["hvp.x"]
        assert (lost.kind, lost.message.partition(";")[0]) == ("timed out", told)


def test_who_hangs_time_and_again_is_asked_no_more_of_that_formula_in_that_dtype() -> None:
    """Another fate in between shows that it need not hang; other dtypes and formulas have their own chance."""
    many, two, one = (Request("relu", {"x": np.ones((1, size), np.float16)}, wrt=("x",)) for size in (5, 2, 1))
    other = replace(many, inputs={"x": np.ones((1, 5), np.float32)})
    observer = Observer(f"{HOSTILE}:HangsInHalf", timeout=TIMEOUT)
    observer.patience = 2
    try:
        told = list(_told(observer, many, one, many, two, many, many, one, other)) + list(_told(observer, one, other))
        elsewhere = list(_told(observer, replace(one, formula="tanh")))
    finally:
        observer.close()
    hung, refused = f"no answer within {TIMEOUT} s; the process was killed", NOT_ASKED.format(2)
    assert told[:6] == [hung, "answered", hung, "crashed", hung, hung]
    assert told[6:] == [refused, "answered", refused, "answered"]
    assert elsewhere == ["answered"]


def _told(observer: Observer, *requests: Request) -> Iterator[str]:
    observer.submit(requests)
    for seen in observer.collect():
        assert bool(seen.observation) == (not seen.fate)
        yield seen.message if seen.fate == "timed out" else seen.fate or "answered"


def test_too_little_memory_to_start_is_told_with_the_variable_and_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python says MemoryError and nothing more, or that a library cannot be loaded."""
    monkeypatch.setenv("NNPARITY_MEMORY", "0.01")
    with pytest.raises(TargetUnavailable, match=r"it may have 0.01 GiB of memory \(NNPARITY_MEMORY=0.01\)$"):
        Observer("numpy")
    assert with_limit("MemoryError: ") == "MemoryError; it may have 0.01 GiB of memory (NNPARITY_MEMORY=0.01)"
    assert with_limit("ImportError: no module") == "ImportError: no module"
    monkeypatch.setenv("NNPARITY_MEMORY", "off")
    assert with_limit("MemoryError: ") == "MemoryError: "
    monkeypatch.delenv("NNPARITY_MEMORY")
    assert with_limit("MemoryError: ").endswith(" (75% of the machine's, unless NNPARITY_MEMORY says otherwise)")


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
