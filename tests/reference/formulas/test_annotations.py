"""The shapes in the signatures of the reference are those of the spec, and every formula names its section."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

import pytest

from nnparity.reference import FORMULAS, Reference
from nnparity.reference.arrays import Array, Float, Int, Shape
from nnparity.reference.models.bert import Embeddings, Weights
from nnparity.spec import loader
from nnparity.spec.schema import Formula

SPEC = loader.load()
#: What stands behind BERT's star: the tables, then all layers.
BERT = [one for fields in (Embeddings, Weights) for one in typing.get_type_hints(fields, include_extras=True).values()]


def shapes(annotation: Any) -> list[Shape]:
    """What an annotation says of one array or a tuple of them; "..." behind the last of any number of such."""
    if typing.get_origin(annotation) is tuple:
        parts = typing.get_args(annotation)
        return [Shape("", "...") if part is Ellipsis else shapes(part)[0] for part in parts]
    (shape,) = annotation.__metadata__
    assert isinstance(shape, Shape)
    return [shape]


def wanted(formula: Formula, names: tuple[str, ...]) -> list[Shape]:
    """What the spec says of these inputs."""
    return [Shape("Int" if formula.integer(name) else "Float", formula.inputs[name]) for name in names]


def fits(written: Shape, spec: Shape) -> bool:
    """The same kind and the same axes; ``*n`` is n and more, and ``...`` at the end is any."""
    axes, expected = [word.removeprefix("*") for word in written.axes.split()], spec.axes.split()
    if axes[-1:] == ["..."]:
        axes, expected = axes[:-1], expected[: len(axes) - 1]
    return (written.kind, axes) == (spec.kind, expected)


def agree(written: list[Shape], spec: list[Shape]) -> bool:
    """One by one; of a tuple of any length its one shape is held against all."""
    if len(written) == 2 and written[1].axes == "...":
        written = [written[0]] * len(spec)
    return len(written) == len(spec) and all(map(fits, written, spec))


def inputs(function: Callable[..., Any], skip: int = 0) -> list[Shape]:
    """What the signature says of the arrays, the parameters behind a star one by one."""
    found: list[Shape] = []
    for parameter in list(inspect.signature(function).parameters.values())[skip:]:
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            found += shapes(parameter.annotation)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            packed = typing.get_origin(parameter.annotation) is tuple
            found += shapes(parameter.annotation) if packed else [shape for field in BERT for shape in shapes(field)]
    return found


def disagreements(reference: Reference, formula: Formula) -> list[str]:
    """Which parts of the signatures say something else than the spec."""
    results = [Shape("Float", axes) for axes in formula.results.values()]
    forward = inspect.signature(reference.forward)
    pairs = {
        "inputs": (inputs(reference.forward), wanted(formula, tuple(formula.inputs))),
        "outputs": (shapes(forward.return_annotation), results),
    }
    if reference.backward:
        backward = inspect.signature(reference.backward)
        cotangent = next(iter(backward.parameters.values())).annotation
        pairs["cotangents"] = shapes(cotangent), results
        pairs["inputs of the VJP"] = inputs(reference.backward, skip=1), wanted(formula, tuple(formula.inputs))
        pairs["gradients"] = shapes(backward.return_annotation), wanted(formula, formula.wrt)
    return [part for part, (written, spec) in pairs.items() if not agree(written, spec)]


@pytest.mark.parametrize("id", SPEC)
def test_the_signatures_say_what_the_spec_says(id: str) -> None:
    assert disagreements(FORMULAS[id], SPEC[id]) == []


@pytest.mark.parametrize("id", [id for id, formula in SPEC.items() if not formula.composition])
def test_a_single_formula_leaves_no_shape_open(id: str) -> None:
    functions = [one for one in (FORMULAS[id].forward, FORMULAS[id].backward) if one]
    said = [shape for one in functions for shape in (*inputs(one), *shapes(inspect.signature(one).return_annotation))]
    assert [shape for shape in said if "..." in shape.axes] == []


@pytest.mark.parametrize("id", SPEC)
def test_a_formula_names_its_section(id: str) -> None:
    assert SPEC[id].section in (FORMULAS[id].__doc__ or "")


def planted(x: str = "n i", y: str = "n j", g: str = "n j", dw: str = "j i", kind: Any = Float) -> Reference:
    """The signatures of the dense layer, with a fault in one place."""

    def forward(x: kind[Array, x], w: Float[Array, "j i"], b: Float[Array, "j"]) -> Float[Array, y]: ...

    def backward(
        g: Float[Array, g], x: Float[Array, "n i"], w: Float[Array, "j i"], b: Float[Array, "j"]
    ) -> tuple[Float[Array, "n i"], Float[Array, dw], Float[Array, "j"]]: ...

    reference = Reference("dense", forward)
    reference.vjp(backward)
    return reference


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ({}, []),
        ({"x": "*n i"}, []),
        ({"x": "i n"}, ["inputs"]),
        ({"x": "n"}, ["inputs"]),
        ({"x": "n *i j"}, ["inputs"]),
        ({"kind": Int}, ["inputs"]),
        ({"y": "n i"}, ["outputs"]),
        ({"g": "j"}, ["cotangents"]),
        ({"dw": "i j"}, ["gradients"]),
    ],
)
def test_a_planted_disagreement_is_seen(fault: dict[str, Any], seen: list[str]) -> None:
    assert disagreements(planted(**fault), SPEC["dense"]) == seen


def test_a_missing_input_is_seen() -> None:
    def forward(x: Float[Array, "n i"], w: Float[Array, "j i"]) -> Float[Array, "n j"]: ...

    assert disagreements(Reference("dense", forward), SPEC["dense"]) == ["inputs"]


@pytest.mark.parametrize(("written", "same"), [("s ...", True), ("n ...", False), ("s i m ...", False)])
def test_a_run_may_leave_open_what_stands_behind_its_steps(written: str, same: bool) -> None:
    annotation = tuple[Float[Array, written], ...]  # type: ignore[valid-type]
    assert agree(shapes(annotation), [Shape("Float", "s i m"), Shape("Float", "s i")]) is same
