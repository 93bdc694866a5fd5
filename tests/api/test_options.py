"""What `check` is told and tells: levels, quantities, attributes, frameworks; and what it says of what does not fit."""

from typing import Any

import msgspec
import numpy as np
import pytest

import nnparity
from nnparity.api import check
from nnparity.api.results import Result
from nnparity.judge.known_divergences import Known
from nnparity.judge.recorded_expectations import Expects
from nnparity.reference import FORMULAS
from nnparity.reports.records import Verdict


def softmax(x: Any) -> Any:
    wide = np.asarray(x, np.float64)
    powers = np.exp(wide - wide.max(-1, keepdims=True))
    return (powers / powers.sum(-1, keepdims=True)).astype(x.dtype)


def softmax_vjp(g: Any, x: Any) -> Any:
    y = softmax(x.astype(np.float64))
    return (y * (g - (g * y).sum(-1, keepdims=True))).astype(x.dtype)


def layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    wide = np.asarray(x, np.float64)
    y = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    return (y * gamma + beta).astype(x.dtype)


def test_a_level_says_how_many_cases_there_are() -> None:
    assert len(nnparity.check(softmax, "softmax").verdicts) == 1
    assert len(nnparity.check(softmax, "softmax", level="core").verdicts) == 25
    assert "1 case of the level quick" in str(nnparity.check(softmax, "softmax"))


def test_numpy_is_asked_for_its_output_alone_unless_it_brings_a_vjp() -> None:
    assert {v.quantity for v in nnparity.check(softmax, "softmax").verdicts} == {"output"}
    result = nnparity.check(softmax, "softmax", vjp=softmax_vjp)
    assert result
    assert {v.quantity for v in result.verdicts} == {"output", "grad.x"}
    assert not nnparity.check(softmax, "softmax", vjp=lambda g, x: 2 * softmax_vjp(g, x))


def test_an_attribute_that_is_built_in_is_said() -> None:
    assert nnparity.check(layer_norm, "layer_norm", dtype="float64", level="core", attributes={"eps": 1e-5})
    assert not nnparity.check(layer_norm, "layer_norm", dtype="float64", level="core")
    told = {v.signature for v in nnparity.check(layer_norm, "layer_norm", level="core").verdicts}
    assert told == {"n3d8", "n3d1029", "n2d4099", "n1025d5", "n2d33", "n2d8"}  # not eps 1e-5, unknown to it


def floored(q: Any, k: Any, v: Any) -> Any:
    """Attention whose largest score is -30 at least, as of a kernel that goes through its scores block by block."""
    scores = np.asarray(q @ np.swapaxes(k, 1, 2), np.float64) / np.sqrt(q.shape[-1])
    powers = np.exp(scores - np.maximum(scores.max(-1, keepdims=True), -30))
    return (powers @ v / (powers.sum(-1, keepdims=True) + 1e-12)).astype(q.dtype)


def test_special_values_are_asked_where_that_is_said() -> None:
    assert nnparity.check(floored, "attention", level="core")
    result = nnparity.check(floored, "attention", special_values=True)
    assert [(v.dataset, v.diagnosis) for v in result.failures] == [
        ("very negative logits", "zeros: nothing of the result is written")
    ]
    assert " and 19 of special values: 1 of 20 verdicts " in str(result)
    result = nnparity.check(softmax, "softmax", vjp=softmax_vjp, special_values=True)
    assert result, str(result)
    assert {"nan", "infinity", "empty"} <= {v.dataset for v in result.verdicts if v.quantity == "grad.x"}
    assert len(nnparity.check(softmax, "softmax", quantities=("output",), special_values=True).verdicts) == 16


def test_special_values_have_the_attributes_that_are_built_in() -> None:
    result = nnparity.check(layer_norm, "layer_norm", dtype="float64", attributes={"eps": 1e-5}, special_values=True)
    assert result, str(result)
    assert {v.signature.partition("-")[2] for v in result.verdicts} == {"eps1e-05"}
    assert not nnparity.check(layer_norm, "layer_norm", dtype="float64", special_values=True)


def test_the_result_says_what_would_have_been_seen() -> None:
    result = nnparity.check(softmax, "softmax")
    assert 1e-8 < result.resolution < 1e-6
    assert result.worst.grade == "conforms"
    spoilt = nnparity.check(lambda x: softmax(x) * np.float32(1 + 4 * result.resolution), "softmax")
    assert not spoilt
    assert spoilt.worst.grade in ("imprecise", "diverges")


def slipped(x: Any) -> Any:
    return softmax(x).foo


def test_a_function_that_fails_whatever_it_is_given_is_told_with_its_line_and_how_its_framework_is_named() -> None:
    with pytest.raises(nnparity.UsageError) as raised:
        nnparity.check(slipped, "softmax")
    head, reason, line, *_, hint = str(raised.value).splitlines()
    assert "no framework that is imported here" in head
    assert reason == "  given arrays of numpy it raised AttributeError: 'numpy.ndarray' object has no attribute 'foo'"
    place = slipped.__code__.co_firstlineno + 1
    assert line.strip() == f"test_options.py:{place} in slipped: return softmax(x).foo"
    assert 'framework="' in hint
    assert "check.py" not in str(raised.value)


def reordered(x: Any, beta: Any, gamma: Any) -> Any:
    return layer_norm(x, gamma, beta)


def test_a_function_with_the_names_of_the_spec_in_another_order_gets_them_by_name() -> None:
    options: dict[str, Any] = {"dtype": "float64", "attributes": {"eps": 1e-5}}
    for fn in (reordered, lambda *, gamma, beta, x: layer_norm(x, gamma, beta)):
        assert nnparity.check(fn, "layer_norm", **options)
    assert not nnparity.check(lambda x, b, g: layer_norm(x, g, b), "layer_norm", **options)


class Module:
    """As PyTorch's: what its call takes is not said."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, x: Any, gamma: Any, beta: Any) -> Any:
        return layer_norm(x, gamma, beta)


def test_a_module_is_given_the_attributes_that_its_forward_takes() -> None:
    assert nnparity.check(Module(), "layer_norm", attributes={"eps": 1e-5})


def test_what_a_function_is_given_is_told_where_it_takes_something_else() -> None:
    with pytest.raises(nnparity.UsageError) as raised:
        nnparity.check(lambda w, m, v, g, alpha: w, "adam")
    says = "  adam hands over w, m, v, g, by place in this order; its attributes lr, beta1, beta2, eps, step by name"
    assert says in str(raised.value).splitlines()


def test_a_function_that_takes_tensors_and_returns_arrays_of_numpy_is_told_so() -> None:
    torch = pytest.importorskip("torch")

    def mixed(x: Any) -> Any:
        return torch.softmax(x, -1).detach().numpy()

    with pytest.raises(nnparity.UsageError, match=r"given arrays of torch it returned an array of numpy\n"):
        nnparity.check(mixed, "softmax")
    told = str(nnparity.check(mixed, "softmax", framework="torch"))
    assert "TypeError: the function returned an array of numpy, expected one of torch" in told


def verdict(quantity: str, grade: str, **fields: Any) -> Verdict:
    return Verdict("c", "f", "s", "d", "float32", "t", quantity, grade, **fields)


def test_what_is_on_record_of_the_framework_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Known(
        *("softmax", "numpy:*", ("float32",), {"numpy": ">=1"}, "documented convention", Expects(variant="base_2")),
        *("It says so.", "not reported"),
        id="numpy-base-2",
    )
    monkeypatch.setattr(check, "on_record", lambda: [record])
    result = nnparity.check(lambda x: softmax(x * np.float32(np.log(2))), "softmax")
    assert [(v.grade, v.known) for v in result.failures] == [("diverges", "numpy-base-2")]
    assert "powers of 2 instead of e; on record as numpy-base-2\n" in str(result)
    assert "on record of numpy's own kernel as numpy-base-2: It says so.\n" in str(result)
    assert "on record" not in str(nnparity.check(lambda x: softmax(-x), "softmax"))
    monkeypatch.setattr(check, "instructions", lambda: ())
    monkeypatch.setattr(check, "on_record", lambda: [msgspec.structs.replace(record, processor=("avx2",))])
    assert "on record" not in str(nnparity.check(lambda x: softmax(x * np.float32(np.log(2))), "softmax"))


def test_of_one_grade_the_worst_is_one_with_a_diagnosis() -> None:
    plain, named = (verdict("output", "diverges", **one) for one in ({"hard": 9.0}, {"hard": 2.0, "diagnosis": "why"}))
    milder = verdict("output", "imprecise", hard=0.5, diagnosis="why")
    result = Result([plain, milder, named], "asked")
    assert result.worst == named
    assert result.failures == [named, plain, milder]


@pytest.mark.parametrize(
    ("verdicts", "passes"),
    [
        ([("output", "conforms")], True),
        ([("output", "conforms"), ("output", "inconclusive")], True),
        ([("output", "inconclusive")], False),
        ([("output", "conforms"), ("grad.x", "inconclusive")], False),
        ([("output", "conforms"), ("output", "imprecise")], False),
        ([("output", "unsupported")], False),
        ([], False),
    ],
)
def test_inconclusive_alone_is_no_pass(verdicts: list[tuple[str, str]], passes: bool) -> None:
    result = Result([verdict(*one) for one in verdicts], "asked")
    assert bool(result) is passes
    assert ("no pass" in str(result)) is (not passes and not result.failures)


def raising(x: Any) -> Any:
    raise RuntimeError("out of shared memory")


def test_what_the_function_raises_is_told_with_its_line() -> None:
    result = nnparity.check(raising, "softmax", framework="numpy")
    assert result.worst.grade == "error"
    assert "RuntimeError: out of shared memory" in str(result)
    assert "test_options.py:" in str(result)
    assert 'raise RuntimeError("out of shared memory")' in str(result)


def test_memory_that_the_function_is_denied_is_told_like_all_that_it_raises() -> None:
    result = nnparity.check(lambda x: np.ones(1 << 50), "softmax", framework="numpy")
    assert result.worst.grade == "error"
    assert "Unable to allocate" in str(result)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"formula": "sofmax"}, "did you mean 'softmax'"),
        ({"formula": softmax}, "named by a text such as 'softmax', not by a function"),
        ({"dtype": "float8"}, "no dtype is called 'float8'"),
        ({"level": "deep"}, "no level is called 'deep'"),
        ({"quantities": ("gradient",)}, "no quantity is called 'gradient'.*output, grad, jvp, hvp"),
        ({"quantities": "grad"}, "a NumPy function has no derivative of its own: give vjp="),
        ({"framework": "cupy"}, "no framework is called 'cupy'"),
        (
            {"attributes": {"epsilon": 1e-5}, "formula": "layer_norm"},
            "no attribute is called 'epsilon'.*there are: eps",
        ),
        ({"attributes": {"eps": "x"}, "formula": "layer_norm"}, "layer_norm: eps is 'x', expected a number"),
        ({"attributes": {"eps": None}, "formula": "layer_norm"}, "layer_norm: eps is None, expected a number"),
        (
            {"attributes": {"heads": 3}, "formula": "multi_head_attention"},
            "multi_head_attention cannot be computed with .*heads=3: cannot reshape",
        ),
        ({"device": "cuda", "framework": "numpy"}, "numpy has no cuda here, only cpu"),
        ({"accumulate": "float16"}, "expected 'float32'"),
        ({"attributes": {"eps": 1e-5}}, "softmax has no attributes, and was given eps"),
        ({"quantities": ()}, "quantities= names none of output, grad, jvp, hvp"),
        ({"fn": None}, "the function is a NoneType, expected a function"),
        ({"vjp": 3}, "vjp is a int, expected a function"),
        ({"fn": raising}, "given arrays of numpy it raised RuntimeError: out of shared memory"),
        ({"fn": lambda x: "text"}, "given arrays of numpy it returned a str"),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(options: dict[str, Any], says: str) -> None:
    asked = {"fn": softmax, "formula": "softmax"} | options
    with pytest.raises(nnparity.UsageError, match=says):
        nnparity.check(**asked)


def adam(*arrays: Any, **options: float) -> Any:
    found = FORMULAS["adam"](*(x.astype(np.float64) for x in arrays), **options)
    return [np.asarray(one, np.float32) for one in found]


def test_several_outputs_come_in_the_order_of_the_spec() -> None:
    result = nnparity.check(adam, "adam")
    assert result
    assert {v.quantity for v in result.verdicts} == {"output.w_next", "output.m_next", "output.v_next"}
    assert not nnparity.check(lambda *x, **options: adam(*x, **options)[::-1], "adam")
    lacking = nnparity.check(lambda *x, **options: adam(*x, **options)[:2], "adam")
    assert "the function returned 2, the formula has 3: w_next, m_next, v_next" in str(lacking)


def test_labels_and_sizes_go_in_as_they_are() -> None:
    assert nnparity.check(lambda ids, table: table[ids], "embedding", level="core")
    assert not nnparity.check(lambda ids, table: table[ids - 1], "embedding")


def test_the_seed_of_the_process_is_left_alone() -> None:
    before = np.random.get_state(legacy=True)[1].tobytes()  # noqa: NPY002  (the one that must not move)
    assert nnparity.check(softmax, "softmax")
    assert np.random.get_state(legacy=True)[1].tobytes() == before  # noqa: NPY002
