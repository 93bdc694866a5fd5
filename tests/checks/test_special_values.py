"""NaN, infinities, zeros, ties, tiny arrays: element by element, and what the spec leaves open is said."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity import checks
from nnparity.adapters.base import Adapter
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Observation, Request
from nnparity.checks.common import Finding
from nnparity.execute.requests import request
from nnparity.expect.budgets import expect
from nnparity.expect.limits import tends_to
from nnparity.judge.diagnosis import NOT_THE_OUTPUT
from nnparity.judge.elements import element_ratios
from nnparity.judge.grades import judge
from nnparity.judge.recorded_expectations import Evidence, Expects, met
from nnparity.judge.special_values.rules import accepted, settle
from nnparity.reference import FORMULAS as REFERENCE
from nnparity.reference.formulas.convolution import max_pool2d
from nnparity.run.verdicts import verdict_line
from nnparity.spec import load
from nnparity.spec.cases import naming
from nnparity.spec.cases.degenerate import degenerate
from nnparity.spec.cases.special_values import special_case
from nnparity.tests.checks import faulty
from nnparity.tests.checks.inside import ALL, cells, examined, lines, plan, target, verdicts, wrong

#: Those of which a result of conv2d has an axis of 1.
ONES = tuple(f"size one of {name}" for name in "how")
NANS, ZERO_TIMES = ("nan", "several nan", "nan rows"), ("infinity times zeros", "zeros times infinity")
BECAME = "what is NaN in the result became 0"
FORMULAS = ("relu", "tanh", "softmax", "dense", "conv2d", "max_pool2d", "masked_attention", "lstm_step", "l1_penalty")


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_reference_conforms_in_every_dtype(formula: str) -> None:
    """Where intermediate results of the largest numbers overflow, some verdicts can tell nothing, and say so."""
    found = verdicts(lines(NumpyAdapter, "specials", formula, dtypes=ALL))
    assert found
    assert {verdict.grade for verdict in found} <= {"conforms", "inconclusive"}
    assert {verdict.dataset for verdict in found if verdict.grade == "inconclusive"} <= {"largest"}


@pytest.mark.parametrize(
    ("adapter", "formula", "found"),
    [
        (faulty.SwallowsNan, "dense", {one: {"output"} for one in (*NANS, "nan in others", *ZERO_TIMES)}),
        (faulty.SwallowsNan, "softmax", {one: {"output"} for one in (*NANS, "infinity", "all masked")}),
        (faulty.SpreadsNan, "tanh", {"nan": {"grad.x"}, "several nan": {"grad.x"}}),
        (faulty.WrongInfinity, "relu", {"infinity": {"output"}}),
        (faulty.LargestForInfinity, "relu", {"infinity": {"output"}}),
        (faulty.StartsAtTheLowest, "max_pool2d", {"all masked": {"output"}}),
        (faulty.LosesMinusZero, "tanh", {"zeros": {"output"}}),
        (faulty.OddSubgradient, "relu", {"zeros": {"grad.x"}}),
        (faulty.WrongEmptyGradient, "dense", {"empty": {"grad.w", "grad.b"}}),
        (faulty.SqueezesOnes, "conv2d", {name: {"output"} for name in ("size one", *ONES)}),
        (faulty.GoesByLength, "avg_pool2d", {"equal sizes": {"output"}}),
        (faulty.GoesByLength, "attention", {"equal sizes": {"output"}}),
    ],
)
def test_a_fault_is_found_where_it_is_and_nowhere_else(
    adapter: type[Adapter], formula: str, found: dict[str, set[str]]
) -> None:
    told = lines(adapter, "specials", formula)
    assert wrong(told) == found
    assert {verdict.grade for verdict in verdicts(told)} == {"conforms", "diverges"}


class OneRowOfTheKernel(faulty.Spoilt):
    """A kernel of one column and several rows goes a way of its own, which is wrong; so does one head alone."""

    def spoil(self, array: Array) -> Any:
        heads = self.request.attributes.get("heads")
        rows, columns = self.request.inputs["w"].shape[2:] if "w" in self.request.inputs else (1, 1)
        return array[..., ::-1] if heads == 1 or rows > columns == 1 else array


class TakesZeroForMissing(NumpyAdapter):
    """``rate or 0.5``, of every attribute."""

    def observe(self, request: Request) -> Observation:
        given = {name: value or 0.5 for name, value in request.attributes.items()}
        return super().observe(replace(request, attributes=given))


@pytest.mark.parametrize(
    ("adapter", "formula", "found"),
    [
        (OneRowOfTheKernel, "conv2d", {"size one of q": {"output"}}),
        (OneRowOfTheKernel, "multi_head_attention", {"size one of heads": {"output"}}),
        (TakesZeroForMissing, "l1_penalty", {"lam of zero": {"output", "grad.w"}}),
        (TakesZeroForMissing, "gradient_descent", {"lr of zero": {"output"}}),
        (
            TakesZeroForMissing,
            "adam",
            {
                "lr of zero": {"output.w_next"},
                "beta1 of zero": {"output.w_next", "output.m_next"},
                "beta2 of zero": {"output.w_next", "output.v_next"},
                "eps of zero": {"output.w_next"},
            },
        ),
    ],
)
def test_one_dimension_of_one_and_one_attribute_of_zero_are_asked_for(
    adapter: type[Adapter], formula: str, found: dict[str, set[str]]
) -> None:
    told = wrong(lines(adapter, "specials", formula))
    assert {name: told.get(name) for name in found} == found


def test_a_formula_may_say_that_an_attribute_is_never_zero() -> None:
    formula = load()["gradient_descent"]
    assert list(degenerate(formula)) == ["lr of zero"]
    assert not degenerate(msgspec.structs.replace(formula, least={"lr": 1}))


def test_what_cannot_be_larger_is_as_small() -> None:
    """An image of one row has a kernel of one row; a width of the heads' number heads of width 1."""
    ones = degenerate(load()["conv2d"])["size one of h"].dims
    assert (ones["h"], ones["p"], ones["w"], ones["q"]) == (1, 1, 8, 2)
    assert degenerate(load()["multi_head_attention"])["size one of d"].dims["d"] == 2


class TakesTheTranspose(faulty.Spoilt):
    """Of square weights; one number alone is three times too large, and NaN is 0."""

    def spoil(self, array: Array) -> Any:
        x, w, b = (np.asarray(one, np.float64) for one in self.request.inputs.values())
        if array.size == 1:
            return 3 * array
        return x @ w + b if w.shape[0] == w.shape[1] else np.where(np.isnan(array), 0, array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_wrong_answer_has_a_diagnosis_of_special_values_or_of_special_sizes(dtype: str) -> None:
    found = examined(TakesTheTranspose, "specials", "dense", dtypes=(dtype,))
    told = {one.dataset: one.diagnosis for one in found if one.grade != "conforms"}
    assert told.pop("infinity times zeros").endswith(f"infinities in x taken for 0; or: {BECAME}")
    assert told.pop("infinity in others", "unknown: 0 where NaN is right").startswith("unknown: 0 where NaN is right")
    assert told == {
        **dict.fromkeys(("nan", "nan in others"), f"likely: {BECAME}"),
        **dict.fromkeys(("several nan", "nan rows"), BECAME),
        "zeros times infinity": f"likely: infinities in w and b taken for 0; or: {BECAME}",
        "equal sizes": "the weights are transposed, where their matrix is square",
        "size one": "likely: the expected result times 3",
    }


class TurnsByTanh(faulty.Spoilt):
    """A GELU whose gradient is that of another one, of as many rows as columns."""

    families = ("grad",)

    def spoil(self, array: Array) -> Any:
        if array.shape[0] != array.shape[1] or array.size == 1:
            return array
        (g,) = self.request.cotangents.values()
        return REFERENCE["gelu"].gradients(g.astype(np.float64), self.x, kind="tanh")[0]


def test_the_output_that_came_with_a_gradient_refutes_a_name_of_it_in_special_sizes_too() -> None:
    found = examined(TurnsByTanh, "specials", "gelu", dtypes=("float32",))
    told = {one.dataset: one.diagnosis for one in found if one.grade != "conforms" and one.diagnosis}
    assert told == {"equal sizes": f"the tanh approximation of GELU{NOT_THE_OUTPUT}"}


@pytest.mark.parametrize("formula", ["dense", "mse", "conv2d"])
@pytest.mark.parametrize("dtype", ALL)
def test_in_a_gradient_nan_may_stand_for_an_infinity_and_the_other_infinity_may_not(formula: str, dtype: str) -> None:
    found = wrong(lines(faulty.WrongInfinityInGradients, "specials", formula, dtypes=(dtype,)))
    assert any(one.startswith("grad") for name, of in found.items() if "infinity" in name for one in of)
    exchanged = lines(faulty.ExchangesNanAndInfinity, "specials", formula, dtypes=(dtype,))
    assert ("NaN and infinity exchanged" in cells(exchanged)[formula]) == (formula == "mse")  # p - t decides both there
    for verdict in verdicts(exchanged):
        if verdict.grade == "diverges" and "infinity" in verdict.dataset:
            case = special_case(load()[formula], verdict.dataset, dtype)
            assert np.isfinite(case.inputs[verdict.quantity.partition(".")[2]]).all()


def test_nan_for_an_infinity_in_the_gradient_of_a_finite_input_is_wrong() -> None:
    """The weights are finite, and of a sum of products with one infinity no order makes a NaN."""
    found = wrong(lines(faulty.ExchangesNanAndInfinity, "specials", "dense", dtypes=("float32",)))
    assert found["infinity"] == {"grad.w"}


def test_a_record_of_a_special_value_excuses_no_other_number_beside_it() -> None:
    """The worst element is what the record expects; the others are held against it too."""

    class NanForInfinity(faulty.Spoilt):
        beside = 1.0

        def spoil(self, array: Array) -> Any:
            finite = np.where(np.isfinite(array), array * array.dtype.type(self.beside), array)
            return np.where(np.isinf(array), np.nan, finite)

    class AndAnotherNumber(NanForInfinity):
        beside = -50.0

    told = {}
    for adapter in (NanForInfinity, AndAnotherNumber):
        target_, asked = target(adapter), plan("gelu")
        (item,) = (one for one in checks.items(asked) if one.check == "specials")
        found = [one for one in item.run(target_) if isinstance(one, Finding)]
        (one,) = (one for one in found if (one.case.dataset, one.quantity) == ("infinity", "output"))
        evidence = Evidence(one.case, False, one.seen, one.truth)
        line = verdict_line(target_, one)
        assert line.grade == "diverges"
        told[adapter] = met(Expects(answer="NaN"), "special value", line, evidence)
    assert told == {NanForInfinity: True, AndAnotherNumber: False}


def test_a_wrong_special_value_is_told_with_its_place() -> None:
    (verdict,) = [
        line for line in verdicts(lines(faulty.WrongInfinity, "specials", "relu")) if line.grade == "diverges"
    ]
    assert verdict.worst is not None
    assert (verdict.worst.index, verdict.worst.observed, verdict.worst.expected) == ([0, 0], "-inf", "inf")


def test_a_permitted_answer_conforms_and_is_shown() -> None:
    found = lines(faulty.WeakSubgradient, "specials", "relu")
    assert wrong(found) == {}
    assert "gradient 1/2 at 0" in cells(found)["relu"]
    assert "gradient 0 at 0" in cells(lines(NumpyAdapter, "specials", "relu"))["relu"]


@pytest.mark.parametrize("dtype", ALL)
def test_equal_pixels_may_share_a_gradient_whatever_they_are(dtype: str) -> None:
    """Of a window of nothing but zeros or nothing but -Inf, too, each pixel is a largest one: no more than shares.

    So are two of the few subnormal numbers that bfloat16 has.
    """

    class Shares(faulty.Spoilt):
        families = ("grad",)
        part = 1.0

        def spoil(self, array: Array) -> Any:
            g = self.request.cotangents["output"].astype(np.float64)
            (shared,) = max_pool2d.gradients(g, self.x, scan="shared")
            return (np.where(np.isfinite(self.x), 1.0, self.part) * shared).astype(array.dtype)

    found = lines(Shares, "specials", "max_pool2d", dtypes=(dtype,))
    assert wrong(found) == {}
    for dataset in ("ties", "zeros", "all masked"):
        assert f"{dataset}: of equal pixels each gets an equal share" in cells(found)["max_pool2d"]
    for part in (0.5, 0.0):  # half of each share, and no gradient at all
        less = type("Less", (Shares,), {"part": part})
        assert wrong(lines(less, "specials", "max_pool2d", dtypes=(dtype,))).keys() >= {"all masked"}
    assert wrong(lines(Shares, "subnormals", "max_pool2d", dtypes=(dtype,))) == {}


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("formula", ["cross_entropy_logits", "sparse_cross_entropy_logits"])
def test_an_infinite_logit_may_leave_no_weight_beside_it_in_the_gradient_either(formula: str, dtype: str) -> None:
    """log Σ eᶻ - z at the label is an infinite loss, which is permitted; e^(z - log Σ eᶻ) is that reading's own."""
    case = special_case(load()[formula], "infinity", dtype)
    with np.errstate(invalid="ignore"):
        own, *_ = REFERENCE[formula].gradients(case.cotangents["output"], *case.inputs.values(), shift=False)
    assert np.isfinite(own[0, 1:]).all()
    for extra, told in ((0, ("conforms", "weights 0 beside +Inf")), (1, ("diverges", None))):
        found = settle(case, "grad.z", (own + extra).astype(case.dtype.numpy), False, frozenset({"output", "grad"}))
        assert (found.judgement.grade, found.note) == told


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("block", [8, 16, 32, 64, 128])
@pytest.mark.parametrize("formula", ["softmax", "cross_entropy_logits", "masked_attention"])
def test_of_masked_blocks_none_is_too_large(formula: str, block: int, dtype: str) -> None:
    """The classic fault of a running maximum: of a block that is masked alone, e^(-Inf + Inf) is NaN."""

    class OnlineSoftmax(faulty.Spoilt):
        def spoil(self, array: Array) -> Any:
            out = self.request.inputs["mask"] == 0 if formula == "masked_attention" else np.isneginf(self.x)
            starts = range(0, out.shape[-1] - block + 1, block)
            lost = np.any([out[:, at : at + block].all(-1) for at in starts], axis=0) & ~out.all(-1)
            return np.where(lost.any() if array.ndim == 0 else lost.reshape(-1, *[1] * (array.ndim - 1)), np.nan, array)

    found = verdicts(lines(OnlineSoftmax, "specials", formula, dtypes=(dtype,)))
    assert {(one.dataset, one.quantity) for one in found if one.grade == "diverges"} == {("masked blocks", "output")}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("formula", ["softmax", "attention", "masked_attention"])
def test_a_maximum_that_does_not_begin_low_enough_is_found(formula: str, dtype: str) -> None:
    """A kernel that looks for a maximum above -10,000 finds none in a row of lower logits, and gives 0."""

    class BeginsAtMinusTenThousand(faulty.Spoilt):
        def spoil(self, array: Array) -> Any:
            logits = self.x.astype(np.float64)
            if "k" in self.request.inputs:
                logits = np.einsum("btd,bsd->bts", logits, self.request.inputs["k"].astype(np.float64))
                logits /= np.sqrt(self.x.shape[-1])
            return np.where((np.isfinite(logits) & (logits < -10_000)).all(-1, keepdims=True), 0, array)

    found = verdicts(lines(BeginsAtMinusTenThousand, "specials", formula, dtypes=(dtype,)))
    diverging = {(one.dataset, one.quantity) for one in found if one.grade == "diverges"}
    assert diverging - {("largest", "output")} == {("very negative logits", "output")}


def test_refusing_an_empty_batch_is_no_wrong_answer_but_told() -> None:
    found = lines(faulty.RefusesEmpty, "specials", "dense")
    assert {verdict.grade for verdict in verdicts(found) if verdict.dataset == "empty"} == {"unsupported"}
    assert "refuses what is empty: RuntimeError: expected a batch" in cells(found)["dense"]


def test_what_differs_between_dtypes_is_told_for_each() -> None:
    class Narrow(faulty.SwallowsNan):
        def spoil(self, array: Array) -> Any:
            return super().spoil(array) if array.dtype == "float16" else array

    text = cells(lines(Narrow, "specials", "tanh", dtypes=ALL))["tanh"]
    assert text.endswith("nan: as the formula says (f32 f64 bf16), output diverges: 0 instead of nan (f16)")


def test_a_float64_formula_that_answers_in_float32_diverges() -> None:
    """Float32 accuracy is forgiven here, where special values count; the dtype is not."""
    returned = lines(faulty.ReturnsFloat32, "specials", "tanh", dtypes=("float64",))
    assert {v.grade for v in verdicts(returned) if v.quantity == "output"} == {"diverges"}
    assert {v.message for v in verdicts(returned) if v.quantity == "output"} == {"returned float32, expected float64"}
    computed = lines(faulty.ComputesInFloat32, "specials", "tanh", dtypes=("float64",))
    assert wrong(computed) == {}
    assert "from element to element" not in cells(computed)["tanh"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_in_half_precision_do_not_hide_what_becomes_of_special_values(dtype: str) -> None:
    """How exact they are the ordinary cases judge, which see it; here what is lost is something else."""
    case = naming.find(f"conv2d/n1c16h6w6o3p3q3/wide/{dtype}")
    seen = target(faulty.AddsUpInHalf)
    seen.observer.submit([request(case, frozenset({"output"}))])
    (observed,) = seen.observer.collect()
    truth = expect(case, frozenset({"output"}))["output"]
    assert judge(observed.observation["output"], truth, case.dtype).grade != "conforms"  # type: ignore[arg-type]
    assert wrong(lines(faulty.AddsUpInHalf, "specials", "conv2d", dtypes=(dtype,))) == {}

    class LosesNan(faulty.AddsUpInHalf):
        def spoil(self, array: Array) -> Any:
            total = super().spoil(array)
            return np.where(np.isnan(total), 0, total)

    lost = wrong(lines(LosesNan, "specials", "conv2d", dtypes=(dtype,)))
    assert {"nan", "nan in others"} <= set(lost)


def test_a_mixture_of_permitted_answers_names_each_once() -> None:
    found = lines(faulty.MixesSubgradients, "specials", "relu", dtypes=("float64",))
    assert wrong(found) == {}
    assert "from element to element: gradient 0 at 0, or gradient 1/2 at 0" in cells(found)["relu"]


def test_beside_a_mixture_that_alone_is_wrong_which_no_permitted_answer_has() -> None:
    """And a record is held against that alone, whichever answer is the nearest."""
    case = special_case(load()["conv2d"], "nan in others", "float32")
    asked = frozenset({"output", "grad"})
    own, other = (truth.value for truth, _ in accepted(case, "grad.x", False, asked))
    differ = np.flatnonzero(np.isnan(own) != np.isnan(other))
    mixture = other.astype(np.float32)
    mixture.flat[differ[::2]] = own.flat[differ[::2]]
    assert differ.size > 3
    assert settle(case, "grad.x", mixture, False, asked).judgement.grade == "conforms"
    lost = int(np.flatnonzero(np.isnan(own) & np.isnan(other))[0])
    mixture.flat[lost] = 0
    found = settle(case, "grad.x", mixture, False, asked)
    assert found.judgement.grade == "diverges"
    assert found.truth is not None
    assert (element_ratios(found.seen, found.truth, case.dtype) > 1).sum() == 1
    assert found.judgement.message == f"1 of {own.size} elements have a wrong NaN, infinity or overflow"
    evidence = Evidence(case, False, found.seen, found.truth)
    line = verdict_line(target(NumpyAdapter), Finding(case, "grad.x", found.judgement))
    assert [met(Expects(answer=one), "special value", line, evidence) for one in ("0", "NaN")] == [True, False]


def test_an_infinity_that_a_gradient_tends_to_may_stand_for_nan_and_the_other_may_not() -> None:
    """The scale of layer normalisation is infinite: of a sum whose terms have one sign no order must make a NaN."""
    case = special_case(load()["layer_norm"], "infinity in others", "float32")
    asked = frozenset({"output", "grad"})
    (truth, _), *_ = accepted(case, "grad.x", False, asked)
    value, tends = truth.value.astype(np.float32), tends_to(case, "grad.x").astype(np.float32)
    np.testing.assert_array_equal(tends[np.isinf(value)], value[np.isinf(value)])  # of two terms the order says it too
    some = np.isnan(value)
    some[1:] = False
    right = np.where(some, tends, value)
    found = settle(case, "grad.x", right, False, asked)
    assert (found.judgement.grade, found.note) == ("conforms", "an infinity where the formula's own order gives NaN")
    for wrong_ in (-right, np.where(some, -tends, value), np.where(some, 0, value)):
        assert settle(case, "grad.x", wrong_.astype(np.float32), False, asked).judgement.grade == "diverges"


@pytest.mark.parametrize("dtype", ALL)
def test_special_values_of_a_table_are_in_rows_that_are_taken(dtype: str) -> None:
    case = special_case(load()["embedding"], "infinity", dtype)
    value = expect(case, frozenset({"output"}))["output"].value
    assert {np.inf, -np.inf} <= set(value.flat)
