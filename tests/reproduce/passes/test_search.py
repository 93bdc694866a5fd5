"""The search for a pass: a planted compiler with a fault in it, and what is said of its switches."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.request import Array
from nnparity.adapters.switches import grappler, xla
from nnparity.adapters.switches.switch import VARIABLE, XLA_FLAGS, Compiler, Switch, environment, every, told
from nnparity.command_line import main as cli
from nnparity.execute.observer import Observer, TargetUnavailable
from nnparity.execute.target import TargetName
from nnparity.reproduce.passes.distance import Distance
from nnparity.reproduce.passes.found import Search
from nnparity.reproduce.passes.trials import searches
from nnparity.reproduce.passes.words import answer, data, shown

BLANK = Search("a/case", "output", "torch:cpu:eager", "torch:cpu:compiled", "a compiler", Distance(0, 0, 0))
FINE, FAULTY, BETTER = (np.array([x], np.float32) for x in (1.0, 1.5, 1.25))


def searched(blank: Search, compiler: Compiler, ask: Callable[[TargetName, Sequence[Switch]], Array | str]) -> Search:
    (found,) = searches([blank], compiler, lambda name, switches, places: [ask(name, switches)] * len(places))
    return found


def compiler(*names: str) -> Compiler:
    return Compiler("a compiler", tuple(Switch(name, stage=name.startswith("stage")) for name in names))


def planted(answers: dict[frozenset[str], Array | str], names: Sequence[str]) -> Search:
    """A compiler that answers as planted with these switches set, and as faulty with others."""

    def ask(name: TargetName, switches: Sequence[Switch]) -> Array | str:
        return FINE if name.mode == "eager" else answers.get(frozenset(one.name for one in switches), FAULTY)

    return searched(BLANK, compiler(*names), ask)


def test_the_switch_that_removes_a_difference_is_named() -> None:
    found = planted({frozenset({"fusion"}): FINE, frozenset({"bad"}): "no such flag"}, ["bad", "other", "fusion"])
    assert [one.outcome for one in found.tried] == ["cannot be had", "nothing", "removes it"]
    assert list(shown(found))[-1] == "a compiler: fusion removes it"
    assert json.loads(json.dumps(data(found)))["named"] == ["fusion"]


def test_what_only_leaves_a_rounding_is_said_to() -> None:
    near = np.nextafter(FINE, np.float32(2))
    found = planted({frozenset({"a"}): near, frozenset({"b"}): BETTER}, ["a", "b"])
    assert [one.outcome for one in found.tried] == ["leaves a rounding", "changes it"]
    assert list(shown(found))[-1] == "a compiler: a leaves a rounding"


def test_switches_that_change_it_are_tried_together() -> None:
    both = frozenset({"a", "b"})
    found = planted({frozenset({"a"}): BETTER, frozenset({"b"}): BETTER, both: FINE}, ["a", "b", "c"])
    assert list(shown(found))[-1] == "a compiler: a and b, together, removes it"


def test_what_a_program_needs_is_left_on_where_the_others_do_together() -> None:
    both, broken = frozenset({"a", "b"}), np.array([99.0], np.float32)
    alone = {frozenset({name}): BETTER for name in ("a", "b")} | {frozenset({"needed"}): broken}
    found = planted({**alone, both | {"needed"}: broken, both: FINE}, ["a", "b", "needed"])
    assert answer(found) == "a and b, together, removes it"
    assert found.removed


def test_a_switch_that_eager_code_needs_too_is_set_in_both_modes() -> None:
    def ask(name: TargetName, switches: Sequence[Switch]) -> Array | str:
        if not switches:
            return FINE if name.mode == "eager" else FAULTY
        return BETTER

    found = searched(BLANK, replace(compiler("a"), both=True), ask)
    assert list(shown(found))[-1] == "a compiler: a in both modes removes it"
    assert searched(BLANK, compiler("a"), ask).named == []


def test_that_none_does_is_said() -> None:
    assert list(shown(planted({}, ["a", "b"])))[-1] == "a compiler: none of 2 switches removes it"
    changed = planted({frozenset({"b"}): BETTER}, ["a", "b"])
    assert answer(changed) == "none of 2 switches removes it, b changes it"


def test_the_stage_that_brings_it_is_named() -> None:
    names = ["stage: first", "stage: second"]
    late = planted({frozenset({"stage: first"}): FINE}, names)
    behind = planted({frozenset({name}): FINE for name in names}, names)
    assert "it comes with stage: second" in list(shown(late))
    assert "it comes behind stage: second" in list(shown(behind))
    assert behind.named == []  # a compiler that is cut short is no remedy


def test_many_cells_share_a_process_for_each_switch_and_are_done_with_the_first_that_helps() -> None:
    asked: list[tuple[str, list[int]]] = []
    helps = {"a": 1, "b": 2, "all": 3}

    def ask(name: TargetName, switches: Sequence[Switch], places: Sequence[int]) -> list[Array | str]:
        asked.append((" ".join([name.mode, *(one.name for one in switches)]), list(places)))
        if not switches:
            mine = FINE if name.mode == "eager" else FAULTY
            return [FINE, mine, mine, mine, "it died"]
        return [FINE if helps[switches[0].name] == place else FAULTY for place in places]

    several = replace(compiler("a", "b"), broad=(Switch("all"),))
    found = searches([BLANK] * 5, several, ask, first=True)
    assert asked[2:] == [("compiled a", [1, 2, 3]), ("compiled b", [2, 3]), ("compiled all", [3])]
    assert [answer(one) for one in found[1:4]] == ["a removes it", "b removes it", "all removes it"]
    assert found[0].apart.none
    assert "it died" in found[4].problem


def test_a_stage_that_shows_the_difference_is_the_answer_where_the_first_will_do() -> None:
    def ask(name: TargetName, switches: Sequence[Switch], places: Sequence[int]) -> list[Array | str]:
        fine = name.mode == "eager" or [one.name for one in switches] == ["stage: first"]
        return [FINE if fine else FAULTY] * len(places)

    (found,) = searches([BLANK], compiler("stage: first", "stage: second", "a"), ask, first=True)
    assert answer(found) == "it comes with stage: second"


def test_a_switch_that_does_something_to_eager_code_is_set_in_both_modes_whatever_the_compiler() -> None:
    added = every(Switch("a", {"x": 1}), Switch("b", {"y": 2}, both=True))
    found = searched(BLANK, Compiler("a compiler", (), broad=(added,)), _mode)
    assert answer(found) == "a and b in both modes removes it"
    assert environment([added]) == {VARIABLE: '{"x": 1, "y": 2}'}


def _mode(name: TargetName, switches: Sequence[Switch]) -> Array:
    if switches:
        return BETTER
    return FINE if name.mode == "eager" else FAULTY


def test_where_eager_code_is_of_other_kernels_all_switches_at_once_spare_the_passes() -> None:
    asked: list[tuple[str, list[int]]] = []

    def ask(name: TargetName, switches: Sequence[Switch], places: Sequence[int]) -> list[Array | str]:
        names = " ".join(one.name for one in switches)
        asked.append((f"{name.mode} {names}", list(places)))
        if "--old" in names:
            return ["Unknown flag in XLA_FLAGS: --old=1"] * len(places)
        fine = {"a b all": [1, 2], "b": [1], "pass": [2]}.get(names, [])
        return [FINE if name.mode == "eager" or place in fine else BETTER for place in places]

    switches = (Switch("a"), Switch("--old=1", flags=("--old=1",)), Switch("b"))
    passes = {"tracing": lambda _: Switch("dump"), "traced": lambda _: [Switch("pass")]}
    apart = Compiler("a compiler", switches, broad=(Switch("all"),), apart=True, **passes)
    found = searches([BLANK] * 3, apart, ask, first=True)
    assert asked[2:5] == [("compiled a", [0, 1, 2]), ("compiled --old=1", [0, 1, 2]), ("compiled b", [0, 1, 2])]
    assert asked[5:8] == [("compiled a --old=1 b all", [0]), ("compiled a b all", [0]), ("compiled a b all", [0, 2])]
    assert asked[8:] == [("compiled dump", [2]), ("compiled pass", [2])]
    assert [answer(one) for one in found] == [
        "it stays with all 3 switches: other code for the operations themselves",
        "b removes it",
        "pass removes it",
    ]
    assert searches([BLANK], apart, lambda *_: ["it died"], first=True)[0].problem


def test_same_bits_ask_no_more() -> None:
    found = searched(BLANK, compiler("a"), lambda _, switches: "asked" if switches else FINE)
    assert (found.apart.none, found.tried) == (True, [])
    assert searched(BLANK, compiler("a"), lambda *_: "it died").problem.endswith("gives nothing to compare: it died")


def test_switches_become_the_environment_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(XLA_FLAGS, "--mine")
    several = [Switch("a", {"x": 1}), Switch("b", {"y": False}), Switch("c", flags=("--f",)), Switch("d", disabled="p")]
    found = environment([*several, Switch("e", disabled="q")])
    assert found[XLA_FLAGS].split() == ["--mine", "--f", "--xla_disable_hlo_passes=p,q"]
    monkeypatch.setenv(VARIABLE, found[VARIABLE])
    assert told() == {"x": 1, "y": False}
    assert environment([]) == {}
    monkeypatch.setenv(VARIABLE, "[]")
    with pytest.raises(ValueError, match="no JSON object"):
        told()


def test_passes_of_xla_are_those_that_wrote_a_file(tmp_path: Path) -> None:
    for name in (
        "m.jit_f.0001.simplification.after_pipeline-start.before_algsimp.txt",
        "m.jit_f.0002.simplification.after_algsimp.before_dce.txt",
        "m.jit_f.0003.fusion.after_fusion.before_pipeline-end.txt",
        "m.jit_f.cpu_after_optimizations.txt",
    ):
        (tmp_path / name).touch()
    assert [one.disabled for one in xla.passes(tmp_path)] == ["algsimp", "fusion"]


def test_a_process_is_told_and_keeps_its_programs_to_itself(tmp_path: Path) -> None:
    observer = Observer("numpy", scratch=str(tmp_path), environment={VARIABLE: '{"a": 1}'})
    variables = Path(f"/proc/{observer._process.pid}/environ").read_bytes().decode().split("\0")
    observer.close()
    assert {f'{VARIABLE}={{"a": 1}}', f"NNPARITY_CACHE={tmp_path}"} <= set(variables)


def test_a_target_that_nothing_compiles_is_usage(capfd: pytest.CaptureFixture[str]) -> None:
    line = ["passes", "gelu/n3d5/normal/float32", "torch:cpu:eager", "output"]
    assert cli.guarded(lambda: cli.application(line)) == 2
    assert "is not made by a compiler whose switches are known" in capfd.readouterr().err


@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_the_pass_of_xla_is_found_on_a_real_program(capfd: pytest.CaptureFixture[str]) -> None:
    line = ["passes", "layer_norm/n3d8/normal/float32", "jax:cpu:compiled", "output", "--json"]
    assert cli.guarded(lambda: cli.application([*line, "--only", "pass fusion"])) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["named"] == ["without the pass fusion in both modes"]
    assert ("without the pass fusion-wrapper", "nothing") in [(one["switch"], one["outcome"]) for one in found["tried"]]


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed")
@pytest.mark.parametrize(
    ("cell", "undone"),
    [
        ("layer_norm/n2d33-eps1e-05/normal/float32 hvp.x", "terms of gradients added by value"),
        ("listing_mlp_literal/n4i2/normal/float32 hvp.b", "gradients built as in eager code"),
        ("lstm_last/n2t3k3m4/small/float32 hvp.wh", "loops unrolled"),
    ],
)
def test_what_a_graph_does_whatever_optimizes_it_is_undone(
    cell: str, undone: str, capfd: pytest.CaptureFixture[str]
) -> None:
    case, quantity = cell.split()
    only = f"{grappler.ALL.name} and {undone}"
    line = ["passes", case, "tensorflow:cpu:graph", quantity, "--json", "--only", only]
    assert cli.guarded(lambda: cli.application(line)) == 0
    (named, *_) = json.loads(capfd.readouterr().out)["named"]
    assert named.startswith(only)


@pytest.mark.skipif("NNPARITY_EVERY_CASE" not in os.environ or find_spec("torch") is None, reason="compiles with C++")
def test_a_setting_that_inductor_does_not_have_is_told() -> None:
    for setting, said in (('{"no_such": 1}', "has no setting no_such"), ('{"pattern_matcher": true}', "anyway")):
        with pytest.raises(TargetUnavailable, match=said):
            Observer("torch", "cpu", "compiled", environment={VARIABLE: setting})
