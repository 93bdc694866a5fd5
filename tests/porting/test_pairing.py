"""Which layer is whose counterpart: order, kind, sizes, numbers, and what the user says."""

import pytest

from nnparity.adapters.capture.layer import Layer
from nnparity.porting.pairing import paired, told_apart
from nnparity.spec.usage import UsageError
from nnparity.tests.porting.made import array, layer, linear, unknown

X = array(3, 6)


def stack(*names: str) -> list[Layer]:
    """Dense layers with weights of their own (d1, d2 ...), ReLUs (r), and layers that pass on (i)."""
    kinds = {"d": "dense", "r": "relu", "i": "identity"}
    made = []
    for name in names:
        weights = linear(6, 6, int(name[1:])) if name[0] == "d" else {}
        made.append(layer(name, kinds[name[0]], X, weights))
    return made


def named(a: list[Layer], b: list[Layer], **match: str) -> list[tuple[str, str]]:
    return [(a[i].name, b[j].name) for i, j in paired(a, b, match).pairs]


def test_the_same_stack_is_paired_one_by_one() -> None:
    a = stack("d1", "r1", "d2", "r2", "d3")
    assert named(a, a) == [(one.name, one.name) for one in a]


def test_what_only_one_has_is_left_over_and_said() -> None:
    a, b = stack("d1", "d2", "i1", "d3"), stack("d1", "r1", "d2", "r2", "d3")
    assert named(a, b) == [("d1", "d1"), ("d2", "d2"), ("d3", "d3")]
    found = paired(a, b)
    assert ([a[i].name for i in found.only_a], [b[i].name for i in found.only_b]) == (["i1"], ["r1", "r2"])


def test_of_several_that_fit_the_one_with_the_same_numbers_is_taken() -> None:
    assert named(stack("d1", "d3"), stack("d1", "d2", "d3")) == [("d1", "d1"), ("d3", "d3")]


def test_layers_called_in_another_order_are_paired_by_their_numbers() -> None:
    assert sorted(named(stack("d1", "d2", "d3"), stack("d3", "d1", "d2"))) == [("d1", "d1"), ("d2", "d2"), ("d3", "d3")]


def test_wrong_weights_are_paired_by_order() -> None:
    assert named(stack("d1", "d2"), stack("d1", "d9")) == [("d1", "d1"), ("d2", "d9")]


def test_another_kind_is_a_counterpart_where_nothing_better_is() -> None:
    a = [*stack("d1"), unknown("own gelu", X, X + 1), *stack("d2")]
    assert named(a, stack("d1", "r1", "d2")) == [("d1", "d1"), ("own gelu", "r1"), ("d2", "d2")]


def test_layers_without_a_formula_are_paired_by_their_numbers() -> None:
    one, other = (Layer("own", "Own", "", {}, {"x": X}, linear(6, 6, seed), {"y": X}) for seed in (1, 2))
    assert named([one], [*stack("r1"), one]) == [("own", "own")]
    assert named([one], [*stack("r1"), other]) == [("own", "r1")]


def test_what_passes_on_is_no_counterpart_of_what_computes() -> None:
    assert named(stack("i1"), stack("r1")) == []


def test_the_user_says_which_is_which() -> None:
    a, b = stack("d1", "d2"), stack("d3", "d4")
    assert named(a, b, d1="d4", d2="d3") == [("d1", "d4"), ("d2", "d3")]
    with pytest.raises(UsageError, match="no layer of a is called 'd7'"):
        paired(a, b, {"d7": "d3"})
    with pytest.raises(UsageError, match="no layer of b is called 'd1'"):
        paired(a, b, {"d1": "d1"})
    with pytest.raises(UsageError, match="two layers of a"):
        paired(a, b, {"d1": "d3", "d2": "d3"})


def test_calls_of_one_layer_are_told_apart() -> None:
    assert told_apart(stack("d1", "r1", "r1", "r1")) == ["d1", "r1", "r1#2", "r1#3"]
