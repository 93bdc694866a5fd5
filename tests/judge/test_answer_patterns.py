"""Patterns of wrong answers: each is named where it stands, and nothing else is."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity.expect.budgets import expect
from nnparity.judge.answer_patterns import _cut, moved, pattern, stale, tail
from nnparity.judge.diagnosis import diagnosed
from nnparity.judge.evidence import CERTAIN, POSSIBLE
from nnparity.judge.grades import judge
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.given import Given
from nnparity.spec.loader import signatures
from nnparity.tests.judge.verdicts import verdict

FIRST = frozenset({"output", "grad"})


def case(id: str, place: int = 0, dtype: str = "float32") -> Case:
    return Case(load()[id], signatures(load()[id])[place], "normal", DTYPES[dtype])


def right(one: Case, quantity: str = "output") -> Any:
    return expect(one, FIRST)[quantity].value.astype(one.dtype.numpy)


@pytest.mark.parametrize(
    ("quantity", "says"),
    [
        ("output", "zeros: nothing of the result is written"),
        ("grad.k", "the gradient of k is missing: all of it is zeros"),
    ],
)
def test_zeros_are_named(quantity: str, says: str) -> None:
    one = case("attention")
    truth = expect(one, FIRST)[quantity]
    assert pattern(one, quantity, 0 * right(one, quantity), truth) == says
    assert pattern(one, quantity, -right(one, quantity), truth) is None
    assert pattern(one, quantity, np.zeros((1, 1), np.float32), truth) is None


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("quantity", ["output", "grad.p"])
def test_zeros_of_more_numbers_than_a_dtype_counts_may_come_of_the_count(dtype: str, quantity: str) -> None:
    formula = load()["sparse_cross_entropy"]
    many = next(one for one in signatures(formula) if one.dims["n"] > 65504)
    one = Case(formula, many, "normal", DTYPES[dtype])
    told = pattern(one, quantity, 0 * right(one, quantity), expect(one, FIRST)[quantity])
    says = "it is divided by a count of up to 131582, which is infinite in float16"
    assert told is not None
    assert (says in told) == (dtype == "float16")


@pytest.mark.parametrize("quantity", ["output", "grad.q"])
def test_the_answer_to_the_call_before_is_named(quantity: str) -> None:
    one = case("attention")
    before = dataclasses.replace(one, salt="before")
    truth = expect(one, FIRST)[quantity]
    assert pattern(one, quantity, right(before, quantity), truth, before) == "the answer to the call before"
    assert pattern(one, quantity, right(before, quantity), truth) is None
    assert pattern(one, quantity, 2 * right(before, quantity), truth, before) is None
    assert pattern(one, quantity, right(case("attention", 1), quantity), truth, case("attention", 1)) is None


def shortened(one: Case, symbol: str, left: int) -> Given:
    """The case without the last of a dimension."""
    dims = one.signature.dims | {symbol: left}

    def cut(arrays: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
        return {name: x[tuple(slice(dims[word]) for word in texts[name].split())] for name, x in arrays.items()}

    signature = msgspec.structs.replace(one.signature, dims=dims)
    inputs, against = cut(one.inputs, one.formula.inputs), cut(one.cotangents, one.formula.results)
    return Given(one.formula, signature, "given", one.dtype, "short", inputs, against)


@pytest.mark.parametrize(("id", "symbol"), [("attention", "s"), ("dense", "i"), ("softmax", "k")])
@pytest.mark.parametrize("family", ["output", "grad"])
def test_a_tail_that_sums_leave_out_is_named(id: str, symbol: str, family: str) -> None:
    """As a loop over whole blocks of 2 or 4 does it: 5 become 4."""
    one = case(id)
    quantity = family if family == "output" else f"grad.{one.formula.wrt[0]}"
    part = right(shortened(one, symbol, 4), quantity)
    seen = np.zeros_like(right(one, quantity))
    seen[tuple(map(slice, part.shape))] = part
    named = tail(one, quantity, seen, expect(one, FIRST)[quantity])
    unwritten = (id, family) == ("dense", "grad")  # each column of the gradient is a sum of its own
    ways = "all is 0 from 4 on of axis 1, which is 5 long", f"as if {symbol} were 4 instead of 5"
    assert named is not None
    assert named[0] == f"the tail is missing: {ways[0] if unwritten else ways[1]}"
    assert named[1] >= POSSIBLE


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("quantity", ["jvp", "hvp.x"])
def test_a_tail_that_another_derivative_leaves_out_is_named(quantity: str, dtype: str) -> None:
    """The forward derivative was called as accurate as a computation in bfloat16."""
    formula, family = load()["dense"], frozenset({quantity.partition(".")[0]})
    many = next(one for one in signatures(formula) if one.dims["i"] > 64 and one.dims["i"] % 64)
    one = Case(formula, many, "normal", DTYPES[dtype])
    short = _cut(one, "i", many.dims["i"] % 64)
    assert short is not None
    truth, part = expect(one, family)[quantity], expect(short, family)[quantity].value
    seen = np.zeros_like(truth.value).astype(one.dtype.numpy)
    seen[tuple(map(slice, part.shape))] = part
    assert judge(seen, truth, one.dtype).grade != "conforms"
    assert "the tail is missing" in diagnosed(one, quantity, seen, truth, flush=False).text


@pytest.mark.parametrize(
    ("id", "name", "change", "says"),
    [
        ("listing_bert", "mask", lambda x: np.roll(x, 1, axis=1), "as if mask were rolled by 1 along axis 1"),
        ("listing_bert", "mask", lambda x: in_front(x, 0), "as if mask had all its ones in front"),
        ("listing_bert", "mask", lambda x: in_front(x, 1), "as if mask had all its ones and one more in front"),
        ("masked_attention", "mask", lambda x: in_front(x, -1), "as if mask had all its ones but one in front"),
        ("masked_attention", "mask", lambda x: 0 * x + x[:1], "as if mask were those of the first sample in all"),
        (
            "sparse_cross_entropy_logits",
            "labels",
            lambda x: np.array([x[0], 0, x[1]]),
            "as if labels were read as numbers of 32 bits",
        ),
        (
            "sparse_cross_entropy_logits",
            "labels",
            lambda x: np.roll(x, -1),
            "as if labels were rolled by -1 along axis 0",
        ),
    ],
)
def test_whole_numbers_that_are_taken_for_others_are_named(id: str, name: str, change: Any, says: str) -> None:
    """Of BERT the output was called as accurate as a computation in bfloat16."""
    one = case(id)
    inputs = one.inputs | {name: change(one.inputs[name])}
    other = Given(one.formula, one.signature, "given", one.dtype, "misread", inputs, one.cotangents)
    for quantity, truth in expect(one, FIRST).items():
        if judge(right(other, quantity), truth, one.dtype).grade != "conforms":
            assert diagnosed(one, quantity, right(other, quantity), truth, flush=False).names == (says,), quantity


def in_front(mask: Any, more: int) -> Any:
    return (np.arange(mask.shape[-1]) < mask.sum(axis=-1, keepdims=True) + more).astype(mask.dtype)


def test_a_tail_that_is_not_written_is_named() -> None:
    one = case("tanh")
    seen = right(one)
    seen[:, 4:] = 0
    says = "the tail is missing: all is 0 from 4 on of axis 1, which is 5 long"
    assert tail(one, "output", seen, expect(one, FIRST)["output"]) == (says, CERTAIN)


@pytest.mark.parametrize("clip", [np.maximum, np.minimum])
def test_zeros_of_one_sign_are_no_tail(clip: Any) -> None:
    """Of these four numbers the last two are negative alone: what a ReLU too many zeroes lies where a tail would."""
    one = case("dense")
    truth = expect(one, FIRST)["grad.b"]
    sign = 1 if clip is np.maximum else -1
    assert [*np.sign(truth.value)] == [1, 1, -1, -1]
    flipped = dataclasses.replace(truth, value=sign * truth.value)
    seen = clip(sign * right(one, "grad.b"), np.float32(0))
    assert not seen[2:].any()
    assert tail(one, "grad.b", seen, flipped) is None
    assert "tail" not in diagnosed(one, "grad.b", np.maximum(right(one, "grad.b"), 0), truth, flush=False).text


@pytest.mark.parametrize(("dtype", "says"), [("float32", "likely: the tail is missing"), ("bfloat16", "unknown: ")])
def test_a_tail_of_one_number_has_the_evidence_of_one(dtype: str, says: str) -> None:
    """It has fewer digits in half precision, and might have begun in three places."""
    one = case("dense", dtype=dtype)
    seen = right(one, "grad.b")
    seen[-1] = 0
    assert diagnosed(one, "grad.b", seen, expect(one, FIRST)["grad.b"], flush=False).text.startswith(says)


def test_a_kernel_without_its_last_column_has_a_larger_result_and_is_no_tail() -> None:
    one = case("conv2d")
    noise = np.random.default_rng(0).normal(size=right(one, "grad.x").shape).astype(np.float32)
    assert tail(one, "grad.x", noise, expect(one, FIRST)["grad.x"]) is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tail_of_a_sum_of_all_numbers_is_named(dtype: str) -> None:
    """Its result has no axis, and neither has its cotangent."""
    one = case("mse", dtype=dtype)
    seen = right(shortened(one, "k", 4))
    named = tail(one, "output", seen, expect(one, FIRST)["output"])
    assert named is None or named[0] == "the tail is missing: as if k were 4 instead of 5"
    assert diagnosed(one, "output", seen, expect(one, FIRST)["output"], flush=False)
    short = _cut(one, "k", 1)
    assert short
    assert isinstance(short.cotangents["output"], np.ndarray), "of an array without an axis no scalar is cut"


def test_a_tail_that_makes_no_difference_is_not_called_one() -> None:
    """Of a sum of 1,537 numbers in half precision the last is less than the budget: anything near would be a tail."""
    one = Case(load()["dense"], shortened(case("dense", 3), "i", 1025).signature, "normal", DTYPES["bfloat16"])
    truth = expect(one, FIRST)["output"]
    assert tail(one, "output", (truth.value + truth.hard / 4).astype(one.dtype.numpy), truth) is None


@pytest.mark.parametrize("id", ["attention", "dense", "softmax", "tanh"])
def test_nothing_else_is_called_a_tail(id: str) -> None:
    one = case(id)
    y, truth = right(one), expect(one, FIRST)["output"]
    noise = np.random.default_rng(0).normal(size=y.shape)
    for wrong in (2 * y, -y, y[::-1], y * (1 + 1e-3 * noise), y + 1, np.nan * y):
        assert tail(one, "output", wrong.astype(y.dtype), truth) is None


def test_a_size_that_the_formula_does_not_take_is_no_tail() -> None:
    """Of a width of 6 the last 2 would be a tail of blocks of 4, and 3 heads share out no width of 4."""
    formula = load()["multi_head_attention"]
    signature = msgspec.structs.replace(
        signatures(formula)[0], dims={"b": 1, "t": 3, "d": 6}, attributes={"heads": 3}, id="of-three-heads"
    )
    one = Case(formula, signature, "normal", DTYPES["float32"])
    truth = expect(one, FIRST)["grad.wq"]
    noise = np.random.default_rng(0).normal(size=truth.value.shape)
    assert tail(one, "grad.wq", (truth.value + noise).astype(np.float32), truth) is None


def shifted(y: np.ndarray, by: int, axis: int) -> np.ndarray:
    """With nothing in the places that are left."""
    found = np.roll(y, by, axis)
    index = np.indices(y.shape)[axis]
    return np.where((index < by) | (index >= y.shape[axis] + min(by, 0)), 0, found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda y: y[:, ::-1], "reversed along axis 1"),
        (lambda y: y[:, ::-1, ::-1], "reversed along axes 1 and 2"),
        (lambda y: y.swapaxes(1, 2), "axes 1 and 2 are swapped"),
        (lambda y: np.roll(y, -3, 1), "rolled by -3 along axis 1"),
        (lambda y: shifted(y, 1, 1), "shifted by 1 along axis 1: index 1 has what belongs to index 0"),
        (
            lambda y: shifted(y, -2, 2),
            "shifted by -2 along axis 2: index 0 has what belongs to index 2",
        ),
    ],
)
def test_the_right_numbers_in_other_places_are_named(dtype: str, fault: Any, says: str) -> None:
    dims = {"b": 2, "t": 9, "s": 3, "d": 4, "e": 9}
    one = Case(
        load()["attention"], msgspec.structs.replace(case("attention").signature, dims=dims), "normal", DTYPES[dtype]
    )
    truth = expect(one, FIRST)["output"]
    seen = fault(right(one)).astype(one.dtype.numpy)
    named = moved(one, seen, truth)
    assert named is not None
    assert named[0] == says
    assert diagnosed(one, "output", seen, truth, flush=False).text.endswith(says)


@pytest.mark.parametrize("id", ["attention", "dense", "softmax", "tanh", "mse"])
def test_nothing_else_is_called_moved(id: str) -> None:
    """Nor what moves as little as rounding: the mean of these rows is as good in any of them."""
    one = case(id)
    y, truth = right(one), expect(one, FIRST)["output"]
    noise = np.random.default_rng(0).normal(size=y.shape)
    for wrong in (2 * y, -y, y * (1 + 1e-3 * noise), y + 1, np.nan * y, 0 * y, noise):
        assert moved(one, wrong.astype(y.dtype), truth) is None
    alike = dataclasses.replace(truth, value=np.full_like(truth.value, truth.value.mean()))
    assert moved(one, (alike.value + alike.hard).astype(y.dtype), alike) is None


def ordinary(id: str, dataset: str = "normal", dtype: str = "float32") -> Case:
    return Case(load()[id], signatures(load()[id])[0], dataset, DTYPES[dtype])


def kept(one: Case, earlier: Case, name: str) -> Case:
    """The case with one input of an earlier one."""
    inputs = one.inputs | {name: earlier.inputs[name]}
    return Given(one.formula, one.signature, one.dataset, one.dtype, "kept", inputs, one.cotangents)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("quantity", ["output", "grad.x"])
def test_weights_of_an_earlier_case_are_named(quantity: str, dtype: str) -> None:
    first, second, one = (ordinary("conv2d", name, dtype) for name in ("normal", "small", "wide"))
    truth = expect(one, FIRST)[quantity]
    seen = right(kept(one, first, "w"), quantity)
    named = stale(one, quantity, seen, truth, [first, second], flush=False)
    assert named is not None
    assert named[0] == "w is still that of an earlier case, normal"
    assert verdict(diagnosis=named[0]).follows
    assert diagnosed(one, quantity, seen, truth, False, [first, second]).names == (named[0],)
    assert stale(one, quantity, seen, truth, [second], flush=False) is None


def test_the_whole_answer_of_the_case_before_is_named() -> None:
    before, one = ordinary("attention", "cancelling"), ordinary("attention")
    named = stale(one, "output", right(before), expect(one, FIRST)["output"], [before], flush=False)
    assert named is not None
    assert named[0] == "the answer to the case before, cancelling"
    assert verdict(diagnosis=named[0]).follows
    assert named[1] > CERTAIN


def test_nothing_else_is_called_stale() -> None:
    one, before = ordinary("dense"), [ordinary("dense", "wide"), ordinary("dense", "small")]
    y, truth = right(one), expect(one, FIRST)["output"]
    for wrong in (2 * y, -y, y[::-1], y + 1, np.nan * y, 0 * y):
        assert stale(one, "output", wrong.astype(y.dtype), truth, before, flush=False) is None
    assert stale(one, "output", y + 1, truth, [], flush=False) is None


def test_second_derivatives_and_models_are_not_asked_for() -> None:
    one, model = ordinary("tanh"), ordinary("listing_mlp")
    truth = expect(one, frozenset({"hvp"}))["hvp.x"]
    assert stale(one, "hvp.x", -truth.value, truth, [dataclasses.replace(one, dataset="small")], False) is None
    assert stale(model, "output", -right(model), expect(model, FIRST)["output"], [model], False) is None


@pytest.mark.parametrize(
    ("id", "size", "dataset", "quantity", "bits"),
    [
        ("embedding", 131101, "normal", "output", 16),
        ("sparse_cross_entropy_logits", 65541, "ends", "grad.z", 16),
        ("sparse_cross_entropy_logits", 263, "well_classified", "grad.z", 8),
    ],
)
def test_whole_numbers_that_are_cut_to_some_bits_are_named(
    id: str, size: int, dataset: str, quantity: str, bits: int
) -> None:
    formula = load()[id]
    name = next(filter(formula.integer, formula.inputs))
    wide = next(one for one in signatures(formula) if size in one.dims.values() and dataset in one.datasets)
    one = Case(formula, wide, dataset, DTYPES["float32"])
    cut = one.inputs[name] % 2**bits
    assert (cut != one.inputs[name]).any()
    other = Given(formula, wide, "given", one.dtype, "cut", one.inputs | {name: cut}, one.cotangents)
    found = diagnosed(one, quantity, right(other, quantity), expect(one, FIRST)[quantity], flush=False)
    assert found.names == (f"as if {name} were cut to {bits} bits",)


@pytest.mark.parametrize(
    ("id", "dtype", "quantity", "rounded", "says"),
    [
        ("adam", "float64", "output.w_next", {"lr": "float32"}, "as if lr were rounded to float32"),
        ("adam", "float32", "output.m_next", {"beta1": "bfloat16"}, "as if beta1 were rounded to bfloat16"),
        ("gradient_descent", "float32", "output", {"lr": "float16"}, "as if lr were rounded to float16"),
        ("adam", "float32", "output.w_next", {"step": 2048}, "as if step were counted in float16"),
        ("adam", "float16", "output.w_next", {"step": 2048}, "as if step were counted in float16"),
        ("adam", "bfloat16", "output.w_next", {"step": 256}, "as if step were counted in bfloat16"),
    ],
)
def test_attributes_that_are_rounded_or_counted_in_a_dtype_are_named(
    id: str, dtype: str, quantity: str, rounded: dict[str, str | int], says: str
) -> None:
    formula = load()[id]
    family = frozenset({quantity.partition(".")[0]})
    tried = [(one, data) for one in signatures(formula) for data in one.datasets]
    named = []
    for signature, data in tried[:12]:
        one = Case(formula, signature, data, DTYPES[dtype])
        own = signature.attributes
        attributes = {
            n: min(t, own[n]) if isinstance(t, int) else float(DTYPES[t].round(own[n])) for n, t in rounded.items()
        }
        changed = msgspec.structs.replace(signature, attributes=own | attributes)
        other = Given(formula, changed, "given", one.dtype, "rounded", one.inputs, one.cotangents)
        seen = np.asarray(expect(other, family)[quantity].value).astype(one.dtype.numpy)
        truth = expect(one, family)[quantity]
        if judge(seen, truth, one.dtype).grade != "conforms":
            named += diagnosed(one, quantity, seen, truth, flush=False).names
    assert says in named
    assert all(name == says or name.startswith("the expected result times") for name in named)
