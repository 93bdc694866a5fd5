"""Each way to a derivative, wrong alone, is caught by its own dataset alone; honest ones are not."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from nnparity import checks
from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import InPart, Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.checks.common import least_narrow
from nnparity.checks.derivatives.overflow import INFINITE
from nnparity.checks.derivatives.ways import NESTINGS, TWICE_FORWARD
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.reference.readings import Dual, tangent_of
from nnparity.reports.records import Line, Verdict
from nnparity.spec import DTYPES, Case, load
from nnparity.spec.given import Curved, Given
from nnparity.tests.checks.inside import ALL, examined, lines, plan, target, verdicts, wrong

DOUBLED = "forward derivative by a double VJP"


class Nested(NumpyAdapter):
    """All ways, by the reference's own derivatives."""

    factor = 1.0

    def double_vjp(self, operation: Operation, point: Point) -> Tensors:
        return self.jvp(operation, point)

    def forward_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        return self.hvp(operation, point)

    def reverse_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        return self.hvp(operation, point)

    def reverse_over_forward(self, operation: Operation, point: Point) -> Tensors:
        return self.hvp(operation, point)

    def forward_over_forward(self, operation: Operation, point: Point) -> Tensors:
        moving = [Dual(Dual(x, v), Dual(v)) for x, v in zip(point.primals, point.tangents, strict=True)]
        return tuple(tangent_of(tangent_of(y)) for y in operation(*moving, **point.rest))


def halved(method: str) -> type[Adapter]:
    """The adapter of which one way gives half."""

    def half(self: Any, operation: Operation, point: Point) -> Tensors:
        return tuple(0.5 * one for one in getattr(Nested, method)(self, operation, point))

    return type(f"Half{method}", (Nested,), {method: half})


def told(found: list[Line]) -> list[Line]:
    """Without what budgets of half precision are too wide for, see test_overflow."""
    return [
        one
        for one in found
        if not (isinstance(one, Verdict) and (one.dataset, one.grade) == (INFINITE, "inconclusive"))
    ]


@pytest.mark.parametrize("formula", ["tanh", "dense", "layer_norm", "lstm_step", "attention", "gan_discriminator_loss"])
@pytest.mark.parametrize("dtype", ALL)
def test_honest_derivatives_conform_by_each_way(formula: str, dtype: str) -> None:
    found = lines(Nested, "derivatives", formula, dtypes=(dtype,))
    assert wrong(told(found)) == {}
    asked = {verdict.dataset for verdict in verdicts(found)}
    assert asked >= {DOUBLED}
    assert (asked >= set(NESTINGS.values())) == (dtype in ("float64", "float32"))


@pytest.mark.parametrize("formula", ["tanh", "dense", "lstm_step"])
@pytest.mark.parametrize("method", ["double_vjp", *NESTINGS])
def test_a_derivative_that_is_wrong_by_one_way_diverges_there_alone(formula: str, method: str) -> None:
    dataset = NESTINGS.get(method, DOUBLED)
    found = wrong(lines(halved(method), "derivatives", formula))
    assert set(found) == {dataset}
    family = "jvp" if dataset in (DOUBLED, TWICE_FORWARD) else "hvp"
    assert {name.partition(".")[0] for name in found[dataset]} == {family}


class OnePartial(Nested):
    """Of a call in which not all inputs move it takes the first tangent that there is for that of the first input."""

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        moved = super().jvp(operation, point)
        return tuple(2 * one for one in moved) if "x" in point.rest else moved


@pytest.mark.parametrize("formula", ["dense", "layer_norm", "conv2d"])
def test_a_forward_derivative_that_is_wrong_where_an_input_is_a_constant_diverges(formula: str) -> None:
    first, *others = load()[formula].wrt
    alone = {f"tangent of {name} alone" for name in others} if len(others) > 1 else set()
    assert wrong(lines(OnePartial, "derivatives", formula)) == {
        key: {"jvp"} for key in {f"tangents without {first}", *alone}
    }
    assert wrong(lines(OnePartial, "determinism", formula)) == {}


class LosesTheLast(Nested):
    """The forward derivative is 0 where the last input moves alone, which may be added in code of its own."""

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        moved = super().jvp(operation, point)
        return tuple(0 * one for one in moved) if operation.wrt == ("b",) else moved


def test_a_forward_derivative_that_is_lost_where_the_last_input_moves_alone_diverges() -> None:
    assert wrong(lines(LosesTheLast, "derivatives", "dense")) == {"tangent of b alone": {"jvp"}}


class LosesATerm(Nested):
    """The second derivative lacks a half where an input is a constant."""

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        turned = super().hvp(operation, point)
        return tuple(0.5 * one for one in turned) if "gamma" in point.rest else turned

    def forward_over_reverse(self, operation: Operation, point: Point) -> Tensors:
        return super().hvp(operation, point)

    reverse_over_reverse = reverse_over_forward = forward_over_reverse


def test_a_second_derivative_that_is_wrong_where_an_input_is_a_constant_diverges() -> None:
    found = verdicts(lines(LosesATerm, "derivatives", "layer_norm", dtypes=("float32", "float16")))
    failed = {(one.dataset, one.quantity, one.dtype) for one in found if one.grade == "diverges"}
    assert failed == {(name, "hvp.x", "float32") for name in ("tangent of x alone", "tangents without gamma")}


class NeedsBoth(Nested):
    """Where one of two outputs has no cotangent the other's is taken for it, as of a pointer that nobody looked at."""

    place = 0

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        if isinstance(operation, InPart) and operation.places == (self.place,):
            whole = Operation(**{name: getattr(operation, name) for name in Operation.__dataclass_fields__})
            outputs, gradients = super().vjp(whole, point._replace(cotangents=point.cotangents * 2))
            return (outputs[self.place],), gradients
        return super().vjp(operation, point)


class NeedsTheFirst(NeedsBoth):
    place = 1


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(("adapter", "alone"), [(NeedsBoth, "h_next"), (NeedsTheFirst, "c_next")])
def test_a_gradient_that_is_wrong_where_an_output_has_no_cotangent_diverges(
    adapter: type[Adapter], alone: str, dtype: str
) -> None:
    found = wrong(told(lines(adapter, "derivatives", "lstm_step", dtypes=(dtype,))))
    assert set(found) == {f"cotangent of {alone} alone"}
    assert {"grad.x", "grad.wx", "grad.b"} <= found[f"cotangent of {alone} alone"]


@pytest.mark.parametrize(("traces", "alone"), [(False, ["h_next", "c_next"]), (True, ["h_next"])])
def test_of_what_traces_the_first_output_alone_is_asked_for_and_no_second_derivative_in_part(
    traces: bool, alone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "traces_nothing", not traces)
    found = verdicts(lines(Nested, "derivatives", "lstm_step"))
    asked = dict.fromkeys(one.dataset for one in found)
    assert [name for name in asked if name.startswith("cotangent of")] == [f"cotangent of {one} alone" for one in alone]
    assert traces != any("hvp" in one.quantity and one.dataset.startswith("tangent") for one in found)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_a_kernel_of_torch_whose_backward_detaches_what_comes_in_is_caught() -> None:
    adapter = import_module("nnparity.tests.checks.torch_adapters").DetachesCotangents
    assert wrong(lines(adapter, "derivatives", "tanh")).get(DOUBLED) == {"jvp"}


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_the_layer_norm_of_torch_is_called_by_what_it_does() -> None:
    adapter = import_module("nnparity.adapters.torch.backend").TorchAdapter
    found = [one for one in examined(adapter, "derivatives", "layer_norm") if one.grade == "diverges"]
    assert {one.dataset for one in found} == {"reverse over forward", TWICE_FORWARD}
    assert {one.diagnosis for one in found} == {load()["layer_norm"].variants["saved_statistics"].says}


@pytest.mark.parametrize("formula", [one.id for one in load().values() if one.wrt and not one.composition])
def test_the_second_derivative_of_each_output_adds_up_to_what_the_hvp_says(formula: str) -> None:
    found = load()[formula]
    usual = Case(found, least_narrow(found), "normal", DTYPES["float64"], "")
    parts = (found, usual.signature, TWICE_FORWARD, usual.dtype, "", usual.inputs, usual.cotangents)
    curved, turned = Curved(*parts), Given(*parts)
    forward = expect(curved, frozenset({"jvp"}), proven=False)
    hvp = expect(turned, frozenset({"hvp"}), proven=False)
    names = ["jvp" if len(found.results) == 1 else f"jvp.{name}" for name in found.results]
    left = [np.sum(forward[name].value * g) for name, g in zip(names, usual.cotangents.values(), strict=True)]
    right = [np.sum(hvp[f"hvp.{name}"].value * curved.tangents[name]) for name in found.wrt]
    size = sum(np.abs(hvp[f"hvp.{name}"].value * curved.tangents[name]).sum() for name in found.wrt)
    assert abs(sum(left) - sum(right)) <= 1e-10 * size


def test_second_derivatives_alone_are_asked_where_nothing_else_is() -> None:
    asked = plan("tanh", quantities=("hvp",))
    found = [item for item in checks.items(asked) if item.subject == "tanh"]
    assert [item.check for item in found] == ["derivatives"]
    datasets = {one.case.dataset for item in found for one in item.run(target(Nested))}  # type: ignore[union-attr]
    assert datasets == set(NESTINGS.values()) - {TWICE_FORWARD}
