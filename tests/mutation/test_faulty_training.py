"""The listings and their training on PyTorch: right they conform, and what is usually got wrong is caught and named."""

from collections.abc import Iterator

import numpy as np
import pytest

from nnparity.execute.target import Target, TargetName, start
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.training_horizon import foreseen
from nnparity.judge.grades import judge
from nnparity.reports.records import Curve, Verdict
from nnparity.run.examiner import Examiner
from nnparity.run.plan import Plan
from nnparity.spec import DTYPES, cases_of, load
from nnparity.spec.selection import CaseGroup
from nnparity.tests.mutation.test_faulty_torch import Planting

SGD, ADAM = "sgd", "adam"
#: fault, formula, optimiser of the run (listings have none), variant it must be called by.
PLANTED = [
    ("WeightsTransposed", "listing_mlp", "", "transposed"),
    ("SigmoidFirst", "listing_mlp", "", "swapped"),
    ("SigmoidFirst", "listing_mlp_literal", "", "swapped"),
    ("ChannelsFirst", "listing_cnn", "", "channels_first"),
    ("Flipped", "listing_cnn", "", "flipped"),
    ("HiddenTransposed", "listing_lstm", "", "transposed"),
    ("GatesAsTheyAre", "listing_lstm", "", "ifgo"),
    ("Minimax", "listing_gan", "", "minimax"),
    ("HalvedDiscriminator", "listing_gan", "", "halved"),
    ("EpsHat", "train_mlp", ADAM, "eps_hat"),
    ("NoCorrection", "train_mlp", ADAM, "no_correction"),
    ("NoCorrection", "train_gan", ADAM, "no_correction"),
    ("Momentum", "train_mlp", SGD, "momentum"),
    ("Momentum", "train_gan", SGD, "momentum"),
    ("HalfDecay", "train_mlp", SGD, "half_decay"),
    ("HiddenTransposed", "train_lstm", SGD, "transposed"),
    ("ChannelsFirst", "train_cnn", SGD, "channels_first"),
]


@pytest.fixture(scope="module")
def torch() -> Iterator[Target]:
    target = start(TargetName("nnparity.tests.mutation.faulty_training:FaultyTraining"), ("float32",))
    yield target
    target.observer.close()


def groups(id: str, optimizer: str) -> list[CaseGroup]:
    """In float32, one data set each; of a training run the first with that optimiser."""
    every = [cases[:1] for cases in cases_of(load()[id], "float32")]
    chosen = [CaseGroup(tuple(c)) for c in every if c[0].signature.attributes.get("optimizer", "") == optimizer]
    return chosen[:1] if optimizer else chosen


def examined(torch: Target, fault: str, groups: list[CaseGroup]) -> tuple[list[Verdict], list[Curve]]:
    quantities = ("output",) if groups[0].cases[0].formula.trajectory else ("output", "grad")
    examiner = Examiner(Plan((TargetName("numpy"),), quantities=quantities))
    target = Target(Planting(torch.observer, fault), dict.fromkeys(DTYPES, False))
    return [verdict for group in groups for verdict in examiner.examine(group, [target])], examiner.curves


@pytest.mark.parametrize(
    ("id", "optimizer"), sorted({(id, optimizer) for _, id, optimizer, _ in PLANTED} | {("train_lstm", ADAM)})
)
def test_without_a_fault_it_conforms(torch: Target, id: str, optimizer: str) -> None:
    verdicts, _ = examined(torch, "NoFault", groups(id, optimizer))
    assert {v.grade for v in verdicts} == {"conforms"}, [v for v in verdicts if v.grade != "conforms"]


@pytest.mark.parametrize(("fault", "id", "optimizer", "variant"), PLANTED)
def test_a_fault_is_caught_and_named(torch: Target, fault: str, id: str, optimizer: str, variant: str) -> None:
    verdicts, _ = examined(torch, fault, groups(id, optimizer))
    wrong = {v.quantity: v.diagnosis for v in verdicts if v.grade != "conforms"}
    assert load()[id].variants[variant].says in wrong.values(), wrong


def test_dropout_that_was_left_on_is_caught(torch: Target) -> None:
    """No name can be given to it: which units are silent is chance."""
    verdicts, _ = examined(torch, "DropoutLeftOn", groups("train_mlp", SGD))
    assert {v.grade for v in verdicts if v.quantity == "output.losses"} == {"diverges"}


@pytest.mark.parametrize(("id", "optimizer"), [("train_mlp", SGD), ("train_mlp", ADAM), ("train_gan", ADAM)])
def test_the_losses_stay_inside_the_predicted_envelope(torch: Target, id: str, optimizer: str) -> None:
    (group,) = groups(id, optimizer)
    verdicts, curves = examined(torch, "NoFault", [group])
    for curve in curves:
        seen, value, sharp = (np.array(x, dtype=np.float64) for x in (curve.observed, curve.expected, curve.sharp))
        assert curve.judged == len(value)
        assert np.all(np.abs(seen - value) <= 16 * sharp)
        assert np.all(sharp <= 1e-5 * value), "an envelope as wide as this proves nothing"
        assert value[-3:].mean() < value[:3].mean(), "nothing was learnt"
    assert {v.note for v in verdicts} == {f"{curves[0].judged} of {curves[0].judged} steps judged"}


def test_only_the_steps_that_are_foreseen_are_judged() -> None:
    one = np.ones(4)
    assert foreseen(Expected(one, one, np.array([0.001, 0.009, 0.02, 0.001]))) == 2
    assert foreseen(Expected(one, one, one)) == 1
    assert foreseen(Expected(one, one, 0 * one)) == 4
    assert foreseen(Expected(np.ones((2, 2)), one, np.array([[0.0, 0.02], [0.0, 0.0]]))) == 1
    expected = Expected(one, 0.1 * one, 0.1 * one, steps=2)
    late, early = np.array([1.0, 1.0, 9.0, 9.0]), np.array([1.0, 9.0, 1.0, 1.0])
    assert [judge(x, expected, DTYPES["float64"]).grade for x in (late, early)] == ["conforms", "diverges"]
    assert judge(np.ones(3), expected, DTYPES["float64"]).grade == "diverges"


def test_a_run_that_cannot_be_foreseen_is_judged_up_to_there() -> None:
    """At so high a rate Adam makes of a rounding a difference within a few dozen steps."""
    (case,) = groups("train_mlp", ADAM)[0].cases
    truth = expect(case, frozenset({"output"}), variant={"lr": 8.0})
    steps, losses = truth["output.losses"].steps, truth["output.losses"]
    assert steps is not None
    assert 1 < steps < len(losses.value)
    assert {found.steps for found in truth.values()} == {steps}
    assert losses.sharp[steps] > 0.01 * losses.value[steps]
