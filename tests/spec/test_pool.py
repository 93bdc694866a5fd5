"""The pool of shapes: whatever two size classes can meet do, within the budgets, the same on every machine.

What can meet is found by a search of its own here, not by asking the generator.
"""

import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from math import prod

import numpy as np
import pytest

from nnparity.reference import FORMULAS
from nnparity.spec import DTYPES, Case, Formula, load, shapes
from nnparity.spec.cases.naming import listed
from nnparity.spec.cases.pool import ELEMENTS, MANY_DTYPE, MANY_ELEMENTS, WHOLE_WORK, WORK, Drawn, pool
from nnparity.spec.cases.sizes import CLASSES, KINDS
from nnparity.spec.schema import Pool

SINGLE = [formula for formula in load().values() if not formula.composition]
#: A factor and one of its levels.
Place = tuple[str, str]

LIST = """
import hashlib
from nnparity.spec import load
from nnparity.spec.cases.naming import listed
print(hashlib.sha256("\\n".join(listed(load().values())).encode()).hexdigest())
"""


def declared(formula: Formula) -> Pool:
    assert formula.pool is not None
    return formula.pool


def levels(formula: Formula) -> dict[str, dict[str, tuple[object, ...]]]:
    """Factor -> level -> what stands for it."""
    one = declared(formula)
    sizes = {name: {label: CLASSES[label] for label in KINDS[kind]} for name, kind in one.sizes.items()}
    others = {**one.values, "dataset": one.datasets or formula.datasets, "dtype": formula.dtypes}
    return sizes | {name: {str(value): (value,) for value in values} for name, values in others.items()}


def at(drawn: Drawn, formula: Formula) -> dict[str, str]:
    """Factor -> level of one row."""
    one = declared(formula)
    others = {"dataset": drawn.dataset, "dtype": drawn.dtype}
    values = {name: str(drawn.signature.attributes[name]) for name in one.values}
    return dict(drawn.signature.classes) | values | others


def array(formula: Formula) -> list[Drawn]:
    """The rows of the covering array: the long ones after it tell no classes."""
    return [drawn for drawn in pool(formula) if drawn.signature.classes]


def counted(formula: Formula) -> list[Drawn]:
    """The last rows, of which one dimension is past what 16 bits count."""
    return [drawn for drawn in pool(formula) if max(drawn.signature.dims.values()) > 0xFFFF]


def met(rows: list[dict[str, str]]) -> set[frozenset[Place]]:
    """All pairs that meet in rows where nothing else is empty."""
    found = set()
    for row in rows:
        empty = {(name, label) for name, label in row.items() if label == "0"}
        found |= {frozenset(pair) for pair in combinations(row.items(), 2) if empty <= set(pair)}
    return found


def pairs(formula: Formula) -> Iterator[frozenset[Place]]:
    found = levels(formula)
    for one, other in combinations(found, 2):
        yield from (frozenset(((one, i), (other, j))) for i in found[one] for j in found[other])


def can_meet(formula: Formula, pair: frozenset[Place]) -> bool:
    """Whether there are sizes of these classes, and any others, that obey the formula and the budgets."""
    table, chosen = levels(formula), dict(pair)
    wanted = [
        (name, table[name][chosen[name]] if name in chosen else [v for k in table[name].values() for v in k if v != 0])
        for name in sorted(declared(formula).sizes, key=lambda name: name not in chosen)
    ]
    return _search(formula, [(name, sorted(values)) for name, values in wanted], {})  # type: ignore[type-var]


def _search(formula: Formula, wanted: list[tuple[str, list[int]]], sizes: dict[str, int]) -> bool:
    rest = wanted[len(sizes) :]
    if cost(formula, sizes | {name: values[0] for name, values in rest}) > 1 or not obeys(formula, sizes):
        return False  # sizes only add to the cost
    return not rest or any(_search(formula, wanted, {**sizes, rest[0][0]: value}) for value in rest[0][1])


def given(formula: Formula, sizes: dict[str, int]) -> dict[str, int]:
    """With the sizes that follow: of the spec only d from heads and k."""
    if "d = heads*k" in declared(formula).where and {"heads", "k"} <= sizes.keys():
        return sizes | {"d": sizes["heads"] * sizes["k"]}
    return sizes | {"d": 2 * sizes["k"]} if "d = 2*k" in declared(formula).where and "k" in sizes else sizes


def cost(formula: Formula, sizes: dict[str, int]) -> float:
    dims = given(formula, sizes)
    numbers = sum(prod(shapes.evaluate(text, dims)) for text in formula.inputs.values())
    return max(numbers / ELEMENTS, shapes.evaluate(declared(formula).work, dims)[0] / WORK)


def obeys(formula: Formula, sizes: dict[str, int]) -> bool:
    """What the spec has: bounds of one side by the other, as far as their symbols have sizes."""
    known = given(formula, sizes)
    bounds = [text.partition(" <= ") for text in declared(formula).where if "<=" in text]
    bounds += [text.partition(" >= ")[::-1] for text in declared(formula).where if ">=" in text]
    bounds += [(str(least), "", name) for name, least in formula.least.items()]
    return all(
        shapes.evaluate(less, known) <= shapes.evaluate(more, known)
        for less, _, more in bounds
        if shapes.symbols(less) | shapes.symbols(more) <= known.keys()
    )


def test_every_single_formula_has_a_pool_and_nothing_else_has() -> None:
    assert [formula.id for formula in load().values() if formula.pool] == [formula.id for formula in SINGLE]


@pytest.mark.parametrize("formula", SINGLE, ids=lambda formula: formula.id)
def test_all_classes_meet_that_can(formula: Formula) -> None:
    there = met([at(drawn, formula) for drawn in array(formula)])
    missing = [pair for pair in pairs(formula) if pair not in there]
    assert [pair for pair in missing if can_meet(formula, pair)] == []
    assert there <= set(pairs(formula))


@pytest.mark.parametrize("id", ["dense", "conv2d", "multi_head_attention"])
def test_a_row_that_is_left_out_is_missed(id: str) -> None:
    formula = load()[id]
    rows = [at(drawn, formula) for drawn in array(formula)]
    whole = met(rows)
    lost = [whole - met([*rows[:place], *rows[place + 1 :]]) for place in range(0, len(rows), 7)]
    assert all(pairs and all(can_meet(formula, pair) for pair in pairs) for pairs in lost)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("id", "name", "least"),
    [
        *(("conv2d", "w", 1025), ("attention", "e", 257), ("gelu", "d", 257), ("dense", "j", 257), ("lstm", "m", 65)),
        *(("attention", "s", 1025), ("attention", "t", 1025), ("residual_attention", "t", 65)),
        *(("conv2d", "c", 257), ("conv2d", "o", 257), ("max_pool2d", "c", 257)),
    ],
)
def test_each_dtype_has_a_long_row(id: str, name: str, least: int, dtype: str) -> None:
    rows = [drawn.signature.dims for drawn in pool(load()[id]) if drawn.dtype == dtype]
    assert any(row[name] == least and min(row.values()) > 0 for row in rows)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        *(("softmax", "n"), ("softmax", "k"), ("layer_norm", "n"), ("layer_norm", "d"), ("dense", "n"), ("dense", "i")),
        *(("attention", "b"), ("conv2d", "n"), ("embedding", "n"), ("embedding", "v"), ("adam", "p"), ("gelu", "n")),
    ],
)
def test_one_dtype_has_a_row_past_16_bits(id: str, name: str) -> None:
    assert [drawn.dtype for drawn in counted(load()[id]) if drawn.signature.dims[name] > 0xFFFF] == [MANY_DTYPE]


@pytest.mark.parametrize("formula", SINGLE, ids=lambda formula: formula.id)
def test_many_samples_and_rows_of_whole_vectors_come_together_in_each_dtype(formula: Formula) -> None:
    kinds = formula.pool.sizes if formula.pool else {}
    least = {"batch": 16, "rows": 16, "parameters": 64, "kernel": 3, "steps": 4, "heads": 2, "image": 4}
    there = [
        drawn.dtype
        for drawn in pool(formula)
        if all(drawn.signature.sizes[name] % least.get(kind, 8) == 0 for name, kind in kinds.items() if name != "k")
        and min(drawn.signature.dims.values()) > 0
    ]
    assert set(formula.dtypes) <= set(there)


@pytest.mark.parametrize(
    ("formula", "sizes", "block"),
    [("masked_attention", "ts", 32), ("attention", "ts", 32), ("conv2d", "co", 16), ("lstm", "km", 32)],
)
def test_few_samples_leave_room_for_larger_blocks(formula: str, sizes: str, block: int) -> None:
    many, few = (drawn.signature.dims for drawn in pool(load()[formula])[:2])
    assert all(few[name] % block == 0 < few[name] for name in sizes)
    assert all(few[name] > many[name] for name in sizes)


def test_the_sizes_are_of_their_classes_and_keep_to_the_budgets() -> None:
    for formula in SINGLE:
        beyond = counted(formula)
        blocks = [drawn.signature for drawn in pool(formula)[:2]]
        for drawn in pool(formula):
            dims = drawn.signature.dims
            known = dims | {k: v for k, v in drawn.signature.attributes.items() if type(v) is int}
            for name, label in drawn.signature.classes.items():
                assert known.get(name, CLASSES[label][0]) in CLASSES[label], drawn.signature.id
            whole = drawn.signature in blocks
            most = MANY_ELEMENTS / ELEMENTS if drawn in beyond else WHOLE_WORK / WORK if whole else 1
            assert cost(formula, known | {"k": known["d"] // known["heads"]} if "heads" in known else known) <= most


def test_there_are_at_least_600_signatures_and_each_is_listed() -> None:
    ids = {(formula.id, drawn.signature.id) for formula in SINGLE for drawn in pool(formula)}
    assert len(ids) >= 600
    lines = [line.split() for line in listed(load().values())]
    assert ids <= {(line[0], line[1]) for line in lines}
    assert all(line[2] in ("quick", "core", "full", "pool") for line in lines)


def test_no_row_comes_twice() -> None:
    for formula in SINGLE:
        rows = [(drawn.signature.id, drawn.dataset, drawn.dtype) for drawn in pool(formula)]
        assert len(rows) == len(set(rows)), formula.id


def test_another_process_lists_the_same() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", LIST], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_different_formulas_see_different_sizes_of_a_class() -> None:
    taken = {drawn.signature.dims["d"] for id in ("sigmoid", "tanh", "relu", "gelu") for drawn in pool(load()[id])[:30]}
    assert {7, 8, 9, 15, 16, 17, 63, 64, 65} <= taken
    first = {
        next(d for d in pool(load()[id]) if d.signature.classes.get("d") == "prime").signature.dims["d"]
        for id in ("sigmoid", "tanh", "relu", "gelu")
    }
    assert len(first) > 1


def test_every_dataset_and_dtype_of_a_formula_occurs_over_its_pool() -> None:
    for formula in SINGLE:
        rows = pool(formula)
        assert {drawn.dtype for drawn in rows} == set(formula.dtypes)
        assert {drawn.dataset for drawn in rows} == set(declared(formula).datasets or formula.datasets)


WEIGHTS = [
    *(("dense", "j", "i"), ("conv2d", "o", "c"), ("conv2d", "p", "q"), ("conv2d", "h", "w"), ("embedding", "v", "d")),
    *(("lstm_step", "m", "k"), ("lstm", "m", "k"), ("lstm_last", "m", "k"), ("lstm_stacked", "m", "k")),
    *(("residual_attention", "d", "e"), ("mlp_backprop", "m", "i"), ("mlp_backprop", "k", "m")),
]


@pytest.mark.parametrize(("id", "rows", "columns"), WEIGHTS)
def test_weights_are_square_and_not_with_more_rows_than_columns_and_fewer(id: str, rows: str, columns: str) -> None:
    dims = [drawn.signature.dims for drawn in pool(load()[id])]
    signs = {np.sign(one[rows] - one[columns]) for one in dims if min(one[rows], one[columns]) > 1}
    assert signs == {-1, 0, 1}


def test_kernels_go_to_7_recurrences_to_64_batches_to_256_and_sums_past_4096() -> None:
    rows = {id: [one for one in pool(load()[id]) if one not in counted(load()[id])] for id in load()}
    most = {
        (id, name): max(drawn.signature.dims[name] for drawn in rows[id])
        for id, name in (
            ("conv2d", "p"),
            ("conv2d", "q"),
            ("lstm", "t"),
            ("attention", "s"),
            ("dense", "n"),
            ("dense", "i"),
        )
    }
    assert most["conv2d", "p"] == most["conv2d", "q"] == 7
    assert most["lstm", "t"] == 64
    assert most["attention", "s"] == 1025
    assert min(most["dense", "n"], most["dense", "i"]) > 4096
    assert max(drawn.signature.dims["n"] for drawn in rows["softmax"]) == 256


@pytest.mark.parametrize("formula", SINGLE, ids=lambda formula: formula.id)
def test_the_reference_gives_each_signature_s_results_their_shapes(formula: Formula) -> None:
    for drawn in pool(formula)[::5]:
        case = Case(formula, drawn.signature, drawn.dataset, DTYPES[drawn.dtype])
        inputs = [x if formula.integer(name) else x.astype(np.float64) for name, x in case.inputs.items()]
        with np.errstate(all="ignore"):
            results = FORMULAS[formula.id](*inputs, **drawn.signature.attributes)
        results = results if isinstance(results, tuple) else (results,)
        assert [np.shape(y) for y in results] == list(case.shapes.values()), case.id
        assert all(np.isfinite(x.astype(np.float64)).all() for x in (*inputs, *case.tangents.values())), case.id
