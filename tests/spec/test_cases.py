"""The numbers of a case follow from its id, and from nothing else."""

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest

from nnparity.spec import DTYPES, Case, cases_of, load
from nnparity.spec.cases import datasets
from nnparity.spec.cases.datasets import DATASETS, SCHEME, Stream
from nnparity.spec.cases.naming import find
from nnparity.spec.cases.samples import SAMPLES
from nnparity.spec.cases.special_values import ROWS, changed, special_case, specials_of, unknown
from nnparity.spec.loader import ordinary
from nnparity.tests.spec.toy import case, toy

DIGEST = """
import hashlib, sys
from nnparity.tests.spec.toy import case
c = case("wide", "float64")
arrays = [c.tangents["w"], c.inputs["w"], c.cotangents["output"], c.inputs["x"]]
print(hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest())
"""


def all_bytes(case: Case) -> dict[str, bytes]:
    groups = {"x": case.inputs, "g": case.cotangents, "v": case.tangents}
    return {f"{role}.{name}": array.tobytes() for role, group in groups.items() for name, array in group.items()}


def test_the_id_says_formula_signature_dataset_and_dtype() -> None:
    assert case("wide", "float64").id == "toy/n2k3/wide/float64"


def test_another_process_draws_the_same_numbers() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True) for _ in range(2)
    ]
    inside: dict[str, object] = {}
    assert runs[0].stdout == runs[1].stdout
    exec(DIGEST.replace("print(", "result = ("), inside)
    assert inside["result"] == runs[0].stdout.strip()


def test_the_order_of_asking_does_not_matter() -> None:
    one, two = case(), case()
    forward = [one.inputs, one.cotangents, one.tangents]
    backward = [two.tangents, two.cotangents, two.inputs]
    for a, b in zip(forward, reversed(backward), strict=True):
        assert {name: array.tobytes() for name, array in a.items()} == {
            name: array.tobytes() for name, array in b.items()
        }


@pytest.mark.parametrize("other", [case(salt="1"), case("small"), case(dtype="float64"), case(dims={"n": 3, "k": 2})])
def test_every_part_of_the_id_and_the_salt_change_every_array(other: Case) -> None:
    before, after = all_bytes(case()), all_bytes(other)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_arrays_of_different_roles_and_names_differ() -> None:
    square = case(inputs={"x": "n n", "w": "n n"}, dims={"n": 3})
    assert len(set(all_bytes(square).values())) == len(all_bytes(square)) == 5


def test_a_case_is_known_by_its_id_and_salt() -> None:
    assert case() == case()
    assert len({case(), case(), case(salt="1"), case("small")}) == 3
    assert case() != "toy/n2k3/normal/float32"


def test_arrays_are_read_only() -> None:
    one = case(inputs={"x": "n k", "m": "n k"}, domains={"m": "mask"})
    for group in (one.inputs, one.cotangents, one.tangents):
        for array in group.values():
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_shapes_and_dtypes_are_those_of_the_spec() -> None:
    one = case(dtype="bfloat16", inputs={"x": "n k", "l": "n"}, domains={"l": "label k"}, output="n k-1")
    assert {name: (a.shape, a.dtype) for name, a in one.inputs.items()} == {
        "x": ((2, 3), DTYPES["bfloat16"].numpy),
        "l": ((2,), np.dtype("int64")),
    }
    assert one.shapes == {"output": (2, 2)}
    assert one.cotangents["output"].shape == (2, 2)
    assert list(one.tangents) == ["x"]


def test_an_attribute_may_give_a_size() -> None:
    one = case(attributes={"d": 7}, output="n d")
    assert one.shapes == {"output": (2, 7)}


def test_inputs_are_given_in_the_order_of_the_spec() -> None:
    for formula in load().values():
        group = next(cases_of(formula, "float32"))
        assert list(group[0].inputs) == list(formula.inputs)


def test_a_signature_may_be_asked_in_some_dtypes_alone() -> None:
    """Its case can be named in any, and what a check takes of the formula is of all."""
    formula = load()["mse"]
    there = {dtype: {case.signature.id for group in cases_of(formula, dtype) for case in group} for dtype in DTYPES}
    assert there["float16"] - there["float32"] == {"n65791k2"}
    assert there["float64"] == there["float32"] == there["bfloat16"] == {one.id for one in ordinary(formula)}
    assert find("mse/n65791k2/near_equal/float32").signature.dtypes == ("float16",)


def test_a_level_holds_the_signatures_of_all_smaller_ones() -> None:
    sizes = [{"n": 1, "k": 1, "level": "quick"}, {"n": 2, "k": 1}, {"n": 3, "k": 1, "level": "full"}]
    formula = toy({"x": "n k"}, {}, signatures=sizes, datasets=["normal", "small"])
    found = {
        level: [[c.id for c in group] for group in cases_of(formula, "float32", level)]
        for level in ("quick", "core", "full")
    }
    assert found["quick"] == [["toy/n1k1/normal/float32"]]
    assert found["core"] == [[f"toy/n{n}k1/{d}/float32" for d in ("normal", "small")] for n in (1, 2)]
    assert [group[0].split("/")[1] for group in found["full"]] == ["n1k1", "n2k1", "n3k1"]
    assert next(cases_of(formula, "float32", salt="s"))[0].salt == "s"


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_numbers_of_the_spec_are_finite_and_of_their_dtype(dtype: str) -> None:
    for formula in load().values():
        for group in cases_of(formula, dtype, "full"):
            for one in group:
                for name, array in {
                    **one.inputs,
                    **{f"g {n}": a for n, a in one.cotangents.items()},
                    **one.tangents,
                }.items():
                    assert np.isfinite(array.astype(np.float64)).all(), f"{one.id} {name}"
                    assert array.dtype == (np.int64 if formula.integer(name) else DTYPES[dtype].numpy), (
                        f"{one.id} {name}"
                    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_are_all_below_the_smallest_normal_one_and_none_is_0(dtype: str) -> None:
    """What is permitted at 0, as any subgradient of ReLU, is asked for elsewhere: here it would be called wrong."""
    for formula in load().values():
        for name in changed(formula, "subnormal") if "subnormal" in specials_of(formula) else ():
            small = np.abs(special_case(formula, "subnormal", dtype).inputs[name].astype(np.float64))
            assert ((small >= DTYPES[dtype].step) & (small < DTYPES[dtype].tiny)).all(), f"{formula.name} {name}"


# --- the generator


def test_its_key_is_the_hash_as_a_number() -> None:
    key = int.from_bytes(hashlib.blake2b(b"k", digest_size=16).digest(), "little")
    bits = np.random.Philox(key=key).random_raw(9)
    assert (Stream("k").uniform((9,)) == (bits >> np.uint64(11)) * 2.0**-53).all()
    with pytest.raises(ValueError, match="two words of 64 bits, not 4 of uint32"):
        datasets._Key(bytes(16)).generate_state(4, np.uint32)


def test_uniform_numbers_are_multiples_of_2_to_the_minus_53_spread_over_the_unit_interval() -> None:
    x = Stream("u").uniform((20_000,))
    assert np.array_equal(np.rint(x * 2.0**53), x * 2.0**53)
    assert 0 <= x.min() < 0.001
    assert 0.999 < x.max() < 1
    counts = np.histogram(x, 10, (0, 1))[0]
    assert np.abs(counts - 2000).max() < 6 * math.sqrt(2000)


def test_normal_numbers_have_mean_0_and_variance_1() -> None:
    x = Stream("n").normal((20_000,))
    assert abs(x.mean()) < 6 / math.sqrt(20_000)
    assert abs(x.var() - 1) < 0.05
    assert np.abs(x).max() <= 2 * math.sqrt(3)


def test_integers_reach_both_ends_and_no_further() -> None:
    assert set(Stream("i").integers((1000,), 7).tolist()) == set(range(7))
    assert set(Stream("i").integers((10,), 1).tolist()) == {0}


# --- golden numbers: whoever changes these changes the name of the scheme, which every run stores


def test_the_name_of_the_scheme() -> None:
    assert SCHEME == "philox-blake2b-1"


def test_golden_draws_of_a_stream() -> None:
    stream = Stream("golden")
    assert [x.hex() for x in stream.uniform((3,)).tolist()] == [
        "0x1.f20c417becdf0p-1",
        "0x1.48062a17445ccp-1",
        "0x1.652ad0ec83cd4p-3",
    ]
    assert [x.hex() for x in stream.normal((2,)).tolist()] == ["0x1.16b3f48b7bb72p+0", "-0x1.1f552d60b55e1p-1"]
    assert stream.integers((6,), 10).tolist() == [9, 7, 6, 7, 0, 4]


GOLDEN = {
    "normal": [0.78218674659729, 0.8110588788986206, 0.9176567196846008],
    "small": [-0.00040498963790014386, 0.0006306408904492855, 0.000690002809278667],
    "large": [-7.606714248657227, 0.5174648761749268, 7.7545857429504395],
    "wide": [0.03217038884758949, -471.3263244628906, 420.6246337890625],
    "cancelling": [-0.3430282771587372, 0.3453890383243561, -0.2562575340270996],
    "image": [0.015380533412098885, 0.22465011477470398, 0.2259518951177597],
    "offset": [1000.8634643554688, 999.6213989257812, 1000.7122802734375],
    "one_sided": [-0.5788112282752991, -0.703988254070282, -0.15441250801086426],
    "integers": [-25.0, -2.0, 16.0],
    "spike": [-1.256693720817566, -1.4525551795959473, 2375.239990234375],
    "constant_rows": [3430.0, 3430.0, 3430.0],
    "near_equal": [1.219634771347046, 1.2199015617370605, 1.2198004722595215],
    "levels": [-127.76898956298828, -128.85218811035156, -128.9128875732422],
    "saturated": [2.434640407562256, -3.744112968444824, 3.429678201675415],
    "unsigned": [0.09999006986618042, 1.1258654594421387, 1.6634758710861206],
    "confident": [-93347.8203125, -8144.36962890625, 521377.71875],
    "initial": [0.04700405150651932, 1.1608984470367432, -0.36938995122909546],
    "zero_weights": [0.8653771281242371, -0.07111269980669022, -1.6192026138305664],
    "weighted_targets": [-0.7496541738510132, -0.6427459716796875, -1.5805391073226929],
    "sparse_gradient": [0.2758646011352539, 1.1106961965560913, -0.5007789731025696],
    "first_step": [-0.279714971780777, -0.7732210755348206, 0.5926243662834167],
    "whole_range": [-2085351552.0, -1.993903083898676e-29, -9.194745995708917e28],
    "well_classified": [10.072903633117676, 0.07077891379594803, 0.2190549224615097],
    "large_cells": [-1.908850908279419, 0.023745417594909668, 0.6856971383094788],
    "masked_above": [118.54024505615234, 127.2353286743164, 126.50984954833984],
    "rising": [1.022348165512085, 1.0405213832855225, 1.097809910774231],
    "tied": [-1.0, -1.0, 0.0],
    "converged": [0.9998105764389038, 1.0003341436386108, 0.9998778104782104],
    "ends": [0.8710010647773743, -0.11505942046642303, 0.21350638568401337],
    "peaks": [0.41631925106048584, -1.1318174600601196, 129.52996826171875],
    "onehot": [31.562721252441406, 0.43062183260917664, 0.02244296483695507],
}


@pytest.mark.parametrize("dataset", [name for name in DATASETS if name not in (*SAMPLES, "as_printed")])
def test_golden_draws_of_a_case(dataset: str) -> None:
    image = {"inputs": {"x": "n c h w"}, "dims": {"n": 1, "c": 1, "h": 2, "w": 2}} if dataset == "image" else {}
    one = case(dataset, **image)
    assert [float(v) for v in one.inputs["x"].ravel()[:3]] == GOLDEN[dataset]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_has_its_peak_at_its_end_and_the_next_one_at_its_beginning(dtype: str) -> None:
    """So far above the others that e^x of it overflows: who leaves an end out of the maximum has NaN there."""
    x = case("peaks", dtype, dims={"n": 4, "k": 33}).inputs["x"].astype(np.float64)
    assert x.argmax(axis=-1).tolist() == [32, 0, 32, 0]
    others = np.sort(x, axis=-1)[:, -2]
    assert (x.max(axis=-1) - others > (710 if dtype == "float64" else 104)).all()


def test_golden_cotangents_of_one_side() -> None:
    assert [float(v) for v in case("one_sided").cotangents["output"].ravel()[:3]] == [
        0.9971268177032471,
        0.9386510848999023,
        0.9327210783958435,
    ]


def test_golden_cotangents_of_whole_numbers() -> None:
    assert case("integers").cotangents["output"].ravel().tolist() == [-5, -18, 29, -52, -15, -39]


@pytest.mark.parametrize(
    ("inputs", "dims", "fit"),
    [
        ({"x": "n k"}, {"n": 2, "k": 3}, True),
        ({"x": "b n k", "w": "k"}, {"b": 1, "n": 2, "k": 3}, True),
        ({"x": "k"}, {"k": 3}, False),
        ({"x": "k k"}, {"k": 3}, False),
        ({"x": "4 k"}, {"k": 3}, False),
        ({"x": ""}, {}, False),
    ],
)
def test_rows_of_nan_need_rows_and_their_length(inputs: dict[str, str], dims: dict[str, int], fit: bool) -> None:
    told = list(unknown(toy(inputs, dims, specials=[ROWS])))
    assert [field for field, _ in told] == ([] if fit else ["specials"])
