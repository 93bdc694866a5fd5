"""Profiles: every verdict belongs to one, by what it asks of its target, and a target has a score in each."""

from collections.abc import Mapping

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.merge import MergedRun
from nnparity.reports.statistics import Group, Statistics, joined

CORE, WIDE, NARROW = "core float32", "float64", "narrow formats"
SECOND, ROBUST, MODELS = "second order", "robustness", "models and training"
#: Profile -> what its verdicts are about.
PROFILES = {
    CORE: "outputs and gradients of single formulas in float32",
    WIDE: "the same in float64",
    NARROW: "the same in float16 and bfloat16",
    SECOND: "directional and second derivatives of single formulas",
    ROBUST: "special values, inputs to reject, layouts, threads, the same case once more",
    MODELS: "models, listings and training runs, whatever is asked of them",
}
#: The chapters of formulas that are made of others.
COMPOSED = ("model", "bert_model", "training")
_SECOND = ("jvp", "hvp")


def profile(group: Group, composed: frozenset[str]) -> str:
    """The profile of a group of verdicts; `composed` are the formulas that are made of others."""
    if group.formula in composed:
        return MODELS
    if group.checked:
        return ROBUST
    if group.quantity.partition(".")[0] in _SECOND:
        return SECOND
    return {"float32": CORE, "float64": WIDE}.get(group.dtype, NARROW)


def composed(run: MergedRun) -> frozenset[str]:
    """The formulas of a run that are made of others."""
    return frozenset(line.id for line in run.formulas.values() if line.chapter in COMPOSED)


def scores(aggregate: Aggregate) -> dict[tuple[str, str], Statistics]:
    """(target, profile) -> its verdicts as one group."""
    return _scores(aggregate, aggregate.groups)


def conforming_margins(aggregate: Aggregate) -> dict[tuple[str, str], Statistics]:
    """The same of the verdicts that conform alone: their worst margins say how much room was left."""
    fine = {group: one for group, one in aggregate.groups.items() if group.grade == "conforms"}
    return _scores(aggregate, fine)


def _scores(aggregate: Aggregate, groups: Mapping[Group, Statistics]) -> dict[tuple[str, str], Statistics]:
    made = composed(aggregate.run)
    return joined(groups, lambda group: (group.target, profile(group, made)))
