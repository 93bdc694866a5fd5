"""What the base of all adapters does with a request, shown by an adapter that needs no framework."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import DeviceUnavailable, Kernel, Operation, Point, Tensors, Unsupported, composed, kernel
from nnparity.adapters.request import Array, Failure, Request, keys

#: Where `Squares.picky` raises.
WHERE = 'raise RuntimeError("cannot do that" if x.dtype == np.float32 else "oops")'
LINES = [line.strip() for line in Path(__file__).read_text().splitlines()]
LINE, VJP = (1 + LINES.index(line) for line in (WHERE, "return operation(x), (2 * x * point.cotangents[0],)"))
ALL = frozenset({"output", "grad", "jvp", "hvp"})


class Squares(Adapter):
    """x^2 and its derivatives, by hand; other formulas fail in various ways."""

    backend = "squares"
    packages = ("numpy",)
    second_order = "by hand"
    unsupported = {"lstm": "no recurrence here"}  # noqa: RUF012
    refusals = ("cannot do",)
    refused = {("pick*", "float32", "output", "cpu:*"): "no float32", ("square", "*", "hvp.*", "*"): "once only"}  # noqa: RUF012

    @classmethod
    def devices(cls) -> list[str]:
        return ["cpu"]

    @kernel("x * x")
    def square(self, x: Array) -> Array:
        return x * x

    @composed("x * x, -x", because="to return two")
    def pair(self, x: Array) -> tuple[Array, Array]:
        return x * x, -x

    @kernel("raise")
    def picky(self, x: Array) -> Array:
        if x.dtype == np.float16:
            raise Unsupported("no float16")
        raise RuntimeError("cannot do that" if x.dtype == np.float32 else "oops")

    @kernel("np.arange")
    def numbers(self, length: int, dtype: str) -> Array:
        return np.arange(length, dtype=dtype)

    def put(self, array: Array) -> Array:
        return array.copy()

    def get(self, tensor: Array) -> Array:
        return tensor

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        (x,) = point.primals
        return operation(x), (2 * x * point.cotangents[0],)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        (x,), (t,) = point.primals, point.tangents
        (ahead,), (behind,) = operation(x + t), operation(x - t)
        return ((ahead - behind) / 2,)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        raise NotImplementedError("no second derivative")


def request(formula: str, dtype: str = "float64", quantities: frozenset[str] = ALL, **changes: Any) -> Request:
    x = np.array([1, 2, 3], dtype)
    given: dict[str, Any] = {
        "inputs": {"x": x},
        "wrt": ("x",),
        "cotangents": {"output": x},
        "tangents": {"x": x},
        "quantities": quantities,
    }
    return Request(formula, **{**given, **changes})


def test_a_family_that_fails_does_not_lose_the_others() -> None:
    seen = Squares().observe(request("square"))
    assert list(seen) == ["output", "grad.x", "jvp", "hvp.x"]
    assert np.array_equal(seen["output"], [1, 4, 9])
    assert np.array_equal(seen["grad.x"], [2, 8, 18])
    assert np.array_equal(seen["jvp"], [2, 8, 18])
    assert seen["hvp.x"] == Failure("unsupported", "once only: NotImplementedError: no second derivative")


class Hiding(Squares):
    """Its kernel masks what it does not answer, which its own `get` would drop."""

    backend = "hiding"

    @kernel("x * x")
    def square(self, x: Array) -> Array:
        return np.ma.array(x * x, mask=[0, 1, 0])


def test_what_is_masked_is_no_answer() -> None:
    seen = Hiding().observe(request("square"))["output"]
    assert isinstance(seen, Failure)
    assert seen.kind == "error"
    assert "1 of 3 elements are masked" in seen.message


class Miscounted(Squares):
    """Its methods return more than the formula has, or nothing."""

    backend = "miscounted"

    @kernel("x * x")
    def square(self, x: Array) -> Any:
        return x * x, x

    @kernel("x + x")
    def doubled(self, x: Array) -> Any:
        x + x  # without a `return`


@pytest.mark.parametrize(("formula", "found"), [("square", "2 tensors"), ("doubled", "None")])
def test_what_is_returned_too_often_or_not_at_all_is_told(formula: str, found: str) -> None:
    seen = Miscounted().observe(request(formula))
    assert seen["output"] == Failure("error", f"TypeError: returned {found}, and has to return output")


class Fused(Squares):
    """Another kernel is run where gradients are wanted: it returns another last bit, or another NaN."""

    backend = "fused"

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs = operation(*point.primals)
        gradients = tuple(np.zeros_like(x) for x in point.primals)
        return tuple(np.where(np.isnan(y), -y, np.nextafter(y, y + 1)) for y in outputs), gradients


def test_the_output_that_comes_with_gradients_is_a_quantity_of_its_own_where_it_differs() -> None:
    seen = Fused().observe(request("square", quantities=frozenset({"output", "grad"})))
    assert list(seen) == ["output", "output.with_grad", "grad.x"]
    assert np.array_equal(seen["output"], [1, 4, 9])
    assert np.array_equal(seen["output.with_grad"], np.nextafter([1.0, 4.0, 9.0], np.inf))
    pair = request("pair", outputs=("up", "down"), cotangents={}, quantities=frozenset({"output", "grad"}))
    assert list(Fused().observe(pair)) == [
        *("output.up", "output.down", "output.with_grad.up", "output.with_grad.down", "grad.x")
    ]


def test_a_loss_that_is_no_array_is_compared_with_that_of_the_gradients_too() -> None:
    loss = {"inputs": {"x": np.array(3.0)}, "cotangents": {"output": np.ones(())}}
    seen = Fused().observe(request("square", quantities=frozenset({"output", "grad"}), **loss))
    assert isinstance(seen["output"], np.generic)
    assert seen["output.with_grad"] == np.nextafter(9.0, 10)


class Flushing(Squares):
    """Keeps no subnormal numbers: its arrays have other bits than it was given, which nobody has written."""

    def put(self, array: Array) -> Array:
        return np.where(np.abs(array) < np.finfo(array.dtype).tiny, 0, array).astype(array.dtype)


def test_what_a_device_keeps_of_an_array_is_no_writing() -> None:
    x, only = np.array([1e-45, 1], np.float32), frozenset({"output"})
    tiny = request("pair", "float32", only, inputs={"x": x}, outputs=("up", "down"), cotangents={})
    assert np.array_equal(Flushing().observe(tiny)["output.up"], [0, 1])


def test_one_nan_is_as_good_as_another() -> None:
    nothing = request("square", inputs={"x": np.array([np.nan])}, cotangents={"output": np.ones(1)})
    assert "output.with_grad" not in Fused().observe(nothing)


def test_an_output_asked_for_alone_or_not_at_all_is_compared_with_nothing() -> None:
    for family in ("output", "grad"):
        seen = Fused().observe(request("square", quantities=frozenset({family})))
        assert {key.partition(".")[0] for key in seen} == {family}
        assert "output.with_grad" not in seen


class Apart(Squares):
    """JVP and HVP fail together."""

    backend = "apart"

    def hvp(self, operation: Operation, point: Point) -> Tensors:  # noqa: ARG002
        return point.tangents

    def jvp_hvp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:  # noqa: ARG002
        raise RuntimeError("not both")


def test_what_was_tried_again_alone_is_noted() -> None:
    adapter = Apart()
    seen = adapter.observe(request("square"))
    assert not any(isinstance(one, Failure) for one in seen.values())
    assert adapter.notes == dict.fromkeys(("jvp", "hvp"), "apart: jvp and hvp together failed")
    adapter.observe(request("square", quantities=frozenset({"jvp"})))
    assert adapter.notes == {}


class Joint(Squares):
    """One program gives all; remembers which were compiled."""

    backend = "joint"
    joint = True
    modes = ("compiled", "eager")

    def __init__(self, *place: str) -> None:
        super().__init__(*place)
        self.compiled: list[str] = []

    def compile(self, program: Any) -> Any:
        self.compiled.append(program.func.__name__)
        return program

    def hvp(self, operation: Operation, point: Point) -> Tensors:  # noqa: ARG002
        return tuple(2 * t * g for t, g in zip(point.tangents, point.cotangents, strict=True))


def test_one_program_gives_all_derivatives_where_the_adapter_says_so() -> None:
    adapter = Joint()
    seen = adapter.observe(request("square"))
    assert adapter.compiled == ["_value", "_joint"]
    assert list(seen) == ["output", "grad.x", "jvp", "hvp.x"]
    assert np.array_equal(seen["hvp.x"], [2, 8, 18])


def test_a_smaller_request_takes_the_program_of_others_of_its_shapes_if_they_have_one() -> None:
    first = frozenset({"output", "grad"})
    alone, together = Joint(), Joint()
    asked = [
        alone.observe(request("square", quantities=first)),
        together.observe(request("square", quantities=first, together=ALL)),
    ]
    assert [alone.compiled, together.compiled] == [["_value", "_vjp"], ["_value", "_joint"]]
    assert [list(seen) for seen in asked] == [["output", "grad.x"]] * 2
    together.observe(request("square", quantities=frozenset({"output"}), together=ALL))
    assert together.compiled == ["_value", "_joint"], "an output alone is the plain forward's"


class Halting(Joint):
    """No forward mode."""

    backend = "halting"

    def jvp(self, operation: Operation, point: Point) -> Tensors:  # noqa: ARG002
        raise RuntimeError("no jvp")


def test_where_the_joint_program_fails_the_rest_is_come_by_in_parts() -> None:
    adapter = Halting()
    seen = adapter.observe(request("square"))
    assert adapter.compiled == ["_value", "_joint", "_vjp", "_jvp_hvp", "jvp", "hvp"]
    assert {key for key, one in seen.items() if isinstance(one, Failure)} == {"jvp"}
    assert adapter.notes == {
        "output.with_grad": "apart: grad, jvp and hvp together failed",
        "grad": "apart: grad, jvp and hvp together failed",
        "hvp": "apart: jvp and hvp together failed",
    }


def test_an_output_survives_a_gradient_that_fails() -> None:
    seen = Squares().observe(request("square", cotangents={}))
    assert np.array_equal(seen["output"], [1, 4, 9])
    assert isinstance(seen["grad.x"], Failure)
    assert seen["grad.x"].kind == "error"


def test_only_what_was_asked_for_comes_back() -> None:
    assert list(Squares().observe(request("square", quantities=frozenset({"grad"})))) == ["grad.x"]


def test_several_outputs_are_named() -> None:
    asked = request("pair", outputs=("up", "down"), cotangents={}, quantities=frozenset({"output"}))
    seen = Squares().observe(asked)
    assert list(seen) == ["output.up", "output.down"]
    assert np.array_equal(seen["output.down"], [-1, -2, -3])


@pytest.mark.parametrize(
    ("formula", "dtype", "expected"),
    [
        ("lstm", "float64", Failure("unsupported", "no recurrence here")),
        ("conv2d", "float64", Failure("unsupported", "the squares adapter gives no conv2d")),
        ("picky", "float16", Failure("unsupported", "no float16")),
        ("picky", "float64", Failure("error", f"RuntimeError: oops\n  test_base.py:{LINE} in picky: {WHERE}")),
    ],
)
def test_every_quantity_says_why_it_is_missing(formula: str, dtype: str, expected: Failure) -> None:
    seen = Squares().observe(request(formula, dtype))
    assert seen["output"] == expected
    assert isinstance(seen["grad.x"], Failure)
    first, *frames = seen["grad.x"].message.splitlines()
    assert (seen["grad.x"].kind, first) == (expected.kind, expected.message.splitlines()[0])
    assert frames[1:] == expected.message.splitlines()[1:]  # before it stands the line of the VJP that came there


def test_a_refusal_is_unsupported_only_where_it_is_declared() -> None:
    seen = Squares().observe(request("picky", "float32"))
    assert seen["output"] == Failure("unsupported", "no float32: RuntimeError: cannot do that")
    grad = seen["grad.x"]
    assert isinstance(grad, Failure)
    assert grad.kind == "error"
    assert grad.message.splitlines() == [
        "RuntimeError: cannot do that",
        "The adapter does not declare that picky is refused in float32: see `refused`",
        f"  test_base.py:{VJP} in vjp: return operation(x), (2 * x * point.cotangents[0],)",
        f"  test_base.py:{LINE} in picky: {WHERE}",
    ]


def test_a_formula_without_a_float_input_is_told_its_dtype() -> None:
    asked = Request("numbers", {}, {"length": 3}, dtype="float32")
    seen = Squares().observe(asked)["output"]
    assert isinstance(seen, np.ndarray)
    assert seen.dtype == np.float32


def test_attributes_are_not_mixed_up_between_requests() -> None:
    adapter = Squares()
    lengths = [len(adapter.observe(Request("numbers", {}, {"length": n}, dtype="float32"))["output"]) for n in (2, 5)]  # type: ignore[arg-type]
    assert lengths == [2, 5]


def test_rules_of_one_name_as_behind_a_decorator_are_programs_of_their_own() -> None:
    rules = {family: lambda *_, y=y: (np.array(y),) for family, y in (("jvp", 1), ("hvp", 2))}
    unnamed = type("Unnamed", (Squares,), rules)()
    seen = [unnamed.observe(request("square", quantities=frozenset({family}))) for family in rules]
    assert seen == [{"jvp": 1}, {"hvp.x": 2}]


def test_kernels_say_what_is_native_and_what_is_composed() -> None:
    kernels = Squares.kernels()
    assert kernels["square"] == Kernel("x * x")
    assert kernels["pair"] == Kernel("x * x, -x", composed=True, because="to return two")
    assert kernels.keys() == {"square", "pair", "picky", "numbers"}


def test_a_target_has_a_name_and_versions() -> None:
    assert Squares().target == "squares:cpu:eager"
    assert Squares.versions() == {"numpy": np.__version__}


def test_the_mode_that_nobody_names_is_the_first() -> None:
    assert [Joint().target, Joint("cpu", "").target] == ["joint:cpu:compiled"] * 2
    assert Joint("cpu", "eager").target == "joint:cpu:eager"


def test_an_absent_device_and_an_unknown_mode_are_refused() -> None:
    with pytest.raises(DeviceUnavailable, match="no cuda here, only cpu"):
        Squares("cuda")
    with pytest.raises(ValueError, match="no mode 'compiled', only eager"):
        Squares(mode="compiled")


@pytest.mark.parametrize("devices", ["npu0", ["npu:0"], ["a b"], [0], None])
def test_devices_are_a_list_of_words(devices: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Squares, "devices", classmethod(lambda cls: devices))
    with pytest.raises(TypeError, match=r"`devices` of squares gives .*: a list of words is meant"):
        Squares()
    monkeypatch.setattr(Squares, "devices", classmethod(lambda cls: []))
    with pytest.raises(DeviceUnavailable, match="squares has no device here"):
        Squares()


def test_a_request_and_its_answer_travel_between_processes() -> None:
    asked = request("square", "bfloat16")
    again = pickle.loads(pickle.dumps(asked))
    assert again.inputs["x"].dtype == asked.inputs["x"].dtype
    assert again.quantities == ALL
    seen = Squares().observe(asked)
    assert list(pickle.loads(pickle.dumps(seen))) == list(seen)


def test_the_names_of_a_family() -> None:
    asked = request("pair", outputs=("up", "down"))
    assert keys("jvp", asked) == ("jvp.up", "jvp.down")
    assert keys("hvp", asked) == ("hvp.x",)
