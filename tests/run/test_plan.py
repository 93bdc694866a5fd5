"""The plan: what does not exist is refused with what does, and groups come in the primer's order."""

import dataclasses
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nnparity import checks
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.registry import COMPILED, COSTS, PLAIN
from nnparity.checks.layouts import _pooled, largest
from nnparity.execute.target import TargetName, named
from nnparity.run.plan import BUDGET, Plan
from nnparity.spec import DTYPES, load
from nnparity.spec.cases.pool import pool
from nnparity.spec.cases.special_values import special_case
from nnparity.spec.loader import signatures
from nnparity.spec.schema import LEVELS, QUANTITIES
from nnparity.spec.selection import ALL, CaseGroup
from nnparity.spec.usage import UsageError
from nnparity.tests.checks.inside import target

NUMPY = TargetName("numpy")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"targets": (TargetName("torhc"),)},
            r"no backend is called 'torhc' \(did you mean 'torch'\?\); there are: numpy, torch",
        ),
        ({"targets": (TargetName("xyz"),)}, r"no backend is called 'xyz'; there are: "),
        ({"targets": (TargetName("mine.py"),)}, r"mine.py is a file: name the class .*, mine.py:Class"),
        ({"targets": (TargetName("numpy", "gpu"),)}, r"no device is called 'gpu'.*; there are: cpu, cuda"),
        ({"formulas": ("conv2",)}, r"no formula is called 'conv2' \(did you mean 'conv2d'\?\); there are: .*dense"),
        ({"formulas": ("dense", "desne")}, r"did you mean 'dense'"),
        (
            {"dtypes": ("float23",)},
            r"no dtype is called 'float23' \(did you mean 'float32'\?\); there are: float64, float32",
        ),
        ({"level": "coer"}, r"no level is called 'coer' \(did you mean 'core'\?\); there are: quick, core, full"),
        ({"pool": "al"}, r"no pool is called 'al' \(did you mean 'all'\?\); there are: all, none, a number"),
        (
            {"quantities": ("grads",)},
            r"no quantity is called 'grads' \(did you mean 'grad'\?\); there are: output, grad, jvp, hvp",
        ),
    ],
)
def test_what_does_not_exist_is_refused_with_a_hint(asked: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        Plan(**{"targets": (NUMPY,)} | asked)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", ["package.module:Class", "path/to/file.py:Class"])
def test_a_class_of_ones_own_is_left_to_the_registry(backend: str) -> None:
    assert Plan((TargetName(backend),)).targets[0].backend == backend


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jax", ("jax", "cuda", "compiled")),
        ("jax:cpu", ("jax", "cpu", "compiled")),
        ("jax:cpu:eager", ("jax", "cpu", "eager")),
        ("package.module:Class", ("package.module:Class", "cuda", "compiled")),
        ("path/to/file.py:Class", ("path/to/file.py:Class", "cuda", "compiled")),
    ],
)
def test_a_target_may_be_named_as_the_report_names_it(text: str, name: tuple[str, str, str]) -> None:
    assert TargetName.of(text, "cuda", "compiled") == TargetName(*name)


def test_a_device_or_mode_that_no_target_takes_is_refused() -> None:
    two = ("torch:cpu", "jax:cpu:eager")
    for options in (("cuda", ""), ("", "compiled"), ("cpu", "")):
        names = [str(one) for one in named(("torch", *two), *options)]
        assert names == [str(TargetName.of("torch", *options)), *(str(TargetName.of(one, *options)) for one in two)]
    with pytest.raises(UsageError, match="--device cuda is taken by no --backend: torch:cpu, jax:cpu:eager says"):
        named(two, "cuda", "compiled")
    with pytest.raises(UsageError, match="--mode compiled is taken by no --backend: jax:cpu:eager says"):
        named(two[1:], "", "compiled")
    assert named(two, "cpu", "eager") == (TargetName("torch", "cpu", "eager"), TargetName("jax", "cpu", "eager"))


def test_a_target_without_a_mode_is_told_without() -> None:
    assert TargetName.of("jax") == TargetName("jax")
    assert str(TargetName("jax")) == "jax:cpu"


def test_a_device_in_the_name_of_a_target_is_checked() -> None:
    with pytest.raises(UsageError, match="no device is called 'compiled'"):
        Plan((TargetName.of("jax:compiled"),))


def test_a_plain_plan_has_every_formula_in_every_dtype() -> None:
    plan = Plan((NUMPY,))
    assert [formula.id for formula in plan.chosen()] == list(load())
    assert (plan.dtypes, plan.quantities, plan.level) == (tuple(DTYPES), QUANTITIES, "core")


def test_groups_share_formula_signature_and_dtype() -> None:
    ids = []
    for group in Plan((NUMPY,), dtypes=("float32", "float64")).groups():
        ids.append(group.id)
        assert {f"{c.formula.id}/{c.signature.id}/{c.dtype.name}" for c in group.cases} == {group.id}
        assert [case.dataset for case in group.cases] == list(group.cases[0].signature.datasets)
    assert len(set(ids)) == len(ids)
    order = list(load())
    assert [order.index(id.split("/")[0]) for id in ids] == sorted(order.index(id.split("/")[0]) for id in ids)


@pytest.mark.parametrize("level", LEVELS)
def test_no_level_leaves_a_formula_out(level: str) -> None:
    assert {group.cases[0].formula.id for group in Plan((NUMPY,), level=level).groups()} == set(load())


def test_what_is_chosen_is_all_there_is() -> None:
    plan = Plan((NUMPY,), formulas=("softmax", "dense"), dtypes=("float16",), level="quick", salt="7")
    groups = list(plan.groups())
    assert {group.cases[0].formula.id for group in groups} == {"softmax", "dense"}
    assert all(len(group.cases) == 1 and group.cases[0].salt == "7" for group in groups)
    assert all(case.dtype.name == "float16" for group in groups for case in group.cases)


@pytest.mark.parametrize(
    ("field", "twice"),
    [
        ("targets", (NUMPY, TargetName("torch"), NUMPY)),
        ("formulas", ("softmax", "dense", "softmax")),
        ("dtypes", ("float64", "float32", "float64")),
        ("quantities", ("grad", "output", "grad")),
        ("cases", ("relu/n3d5/normal/float32", "tanh/n3d5/normal/float32", "relu/n3d5/normal/float32")),
        ("signatures", ("n3d5", "n1d1", "n3d5")),
        ("datasets", ("normal", "integers", "normal")),
        ("packs", ("b", "a", "b")),
        ("known", (Path("b.toml"), Path("a.toml"), Path("./b.toml"))),
    ],
)
def test_what_is_named_twice_is_asked_once_where_it_was_named_first(field: str, twice: tuple[Any, ...]) -> None:
    plan = Plan(**{"targets": (NUMPY,)} | {field: twice})
    assert getattr(plan, field) == twice[:2]


def test_datasets_may_be_patterns_of_ordinary_ones_and_of_what_checks_make() -> None:
    plan = Plan((NUMPY,), formulas=("layer_norm",), datasets=("small*", "size one of [dj]", "re[jJ]ects*"))
    assert {case.dataset for group in plan.groups() for case in group.cases} == {"small"}
    assert {item.check for item in checks.items(plan)} == {"specials", "rejects"}
    assert plan.takes(special_case(load()["layer_norm"], "size one of d", "float32"))
    assert not plan.takes(special_case(load()["layer_norm"], "size one of n", "float32"))
    with pytest.raises(UsageError, match=r"no dataset is called 'smal\[k\]'"):
        Plan((NUMPY,), datasets=("smal[k]", "small*"))


def test_every_field_of_several_is_among_those_that_take_each_thing_once() -> None:
    several = {one.name for one in fields(Plan) if isinstance(getattr(Plan(), one.name), tuple)}
    assert several - {"shard"} == set(Plan.SEVERAL)


def test_the_plan_is_told_in_full() -> None:
    plan = Plan((TargetName("torch", "cuda", "eager"),), formulas=("dense",), dtypes=("float32", "float64"))
    assert plan.described() == {
        "targets": ["torch:cuda:eager"],
        "formulas": ["dense"],
        "dtypes": ["float32", "float64"],
        "quantities": ["output", "grad", "jvp", "hvp"],
        "level": ["core"],
        "pool": ["torch:cuda:eager: none"],
    }


# --- the pool


def pooled(**asked: Any) -> list[CaseGroup]:
    return [group for group in Plan((NUMPY,), **asked).groups() if group.place is not None]


def test_the_pool_is_in_a_plan_as_far_as_it_is_asked_for() -> None:
    every = [(formula.id, drawn) for formula in load().values() for drawn in pool(formula)]
    cases = {case.id for group in Plan((NUMPY,), pool=ALL).groups() for case in group.cases}
    assert {f"{id}/{one.signature.id}/{one.dataset}/{one.dtype}" for id, one in every} <= cases
    assert pooled() == pooled(pool=ALL, level="quick") == []
    first = {(group.cases[0].formula.id, group.place) for group in pooled(pool="2")}
    assert {place for _, place in first} == {0, 1}
    assert all(case.salt == "s" for group in pooled(pool="2", salt="s") for case in group.cases)


def test_no_group_comes_twice_and_a_signature_that_the_spec_writes_out_is_asked_once() -> None:
    ids = [group.id for group in Plan((NUMPY,), pool=ALL).groups()]
    assert len(set(ids)) == len(ids)
    cases = [case.id for group in Plan((NUMPY,), pool=ALL).groups() for case in group.cases]
    assert len(set(cases)) == len(cases)


def test_who_compiles_each_shape_gets_the_first_of_the_pool_and_the_eager_get_all() -> None:
    plan = Plan((NUMPY,), pool=ALL)
    eager, compiled = TargetName("torch"), TargetName("tensorflow", mode="compiled")
    assert plan.reach(eager.backend, eager.mode) > 1000
    for name in (compiled, TargetName("jax"), TargetName("jax", mode="compiled"), TargetName("keras-jax")):
        reach = plan.reach(name.backend, name.mode)
        assert 1 <= reach * COMPILED * sum(f.pool is not None for f in load().values()) <= BUDGET
    few = plan.reach(compiled.backend, compiled.mode)
    for group in plan.groups():
        assert plan.asks(eager, group)
        assert plan.asks(compiled, group) == (group.place is None or group.place < few)


def test_a_part_of_the_formulas_changes_nothing_of_what_each_gets() -> None:
    name, asked = TargetName("jax", mode="compiled"), ("jax", "compiled")
    assert Plan((name,), formulas=("dense",), pool=ALL).reach(*asked) == Plan((name,), pool=ALL).reach(*asked)
    assert Plan((name,), pool="1").reach(*asked) == 1


def test_so_many_seconds_buy_each_target_what_its_signatures_cost() -> None:
    plan = Plan((NUMPY,), pool="10s")
    formulas = sum(formula.pool is not None for formula in load().values())
    costs = {"torch": PLAIN, "jax": COMPILED, **COSTS}
    assert len(set(costs.values())) > 3
    for backend, cost in costs.items():
        reach = plan.reach(backend, "")
        assert reach * cost * formulas <= 10 < (reach + 1) * cost * formulas
    assert plan.reach("jax", "compiled") == plan.reach("jax", "") == 0
    assert plan.reach("torch", "compiled") == 0
    assert plan.reach("torch", "eager") == plan.reach("torch", "")
    assert Plan((NUMPY,), pool="0s").reach("torch", "eager") == 0
    assert Plan((NUMPY,), pool="10s", level="quick").reach("torch", "eager") == 0


def test_a_target_that_is_started_is_asked_for_as_it_was_named() -> None:
    started = target(NumpyAdapter)
    named = TargetName.of(started.name)
    assert (started.backend, started.mode) == (named.backend, named.mode) == ("numpy", "eager")


def test_views_go_as_far_as_ordinary_cases_whatever_mode_an_own_adapter_turns_out_to_have() -> None:
    """Before it is started nobody knows its usual mode, and its groups are dealt out by then."""

    class Compiling(NumpyAdapter):
        backend = "own"
        modes = ("compiled",)
        layouts = ("transposed",)

    for asked in (TargetName("own.py:Compiling"), TargetName("own.py:Compiling", "cpu", "compiled")):
        plan = Plan((asked,), formulas=("dense",), dtypes=("float32",), pool=ALL)
        started = dataclasses.replace(target(Compiling), asked=asked)
        assert started.mode == "compiled"
        ordinary = {case.signature.id for group in plan.groups() for case in group.cases if plan.asks(asked, group)}
        laid_out = {case.signature.id for case in _pooled(started, load()["dense"], plan)}
        own = largest(load()["dense"]).id  # it is laid out whatever the pool
        written = {one.id for one in signatures(load()["dense"])}
        assert laid_out - written == ordinary - written - {own}


@pytest.mark.parametrize("pool", ["s", "1.5s", "-1s", "10m", ""])
def test_a_pool_that_is_nothing_is_refused(pool: str) -> None:
    with pytest.raises(UsageError, match="pool"):
        Plan((NUMPY,), pool=pool)


def test_the_plan_tells_how_much_of_the_pool_each_target_gets() -> None:
    names = (TargetName("torch"), TargetName("jax"))
    told = Plan(names, formulas=("dense", "lstm"), pool=ALL).described()["pool"]
    count = len(pool(load()["dense"])) + len(pool(load()["lstm"]))
    few = 2 * Plan(names, pool=ALL).reach("jax", "")
    assert told == [f"torch:cpu: {count} of {count} signatures", f"jax:cpu: {few} of {count} signatures"]
