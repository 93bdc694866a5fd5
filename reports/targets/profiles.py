"""Profiles: every verdict belongs to one, by what it asks of its target, and a target has a score in each."""

from nnparity.reports.merge import MergedRun
from nnparity.reports.order import checked
from nnparity.reports.records import Verdict
from nnparity.reports.statistics import Statistics, statistics_by

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


def profile(verdict: Verdict, composed: frozenset[str]) -> str:
    """The profile of a verdict; `composed` are the formulas that are made of others."""
    if verdict.formula in composed:
        return MODELS
    if checked(verdict.dataset):
        return ROBUST
    if verdict.quantity.partition(".")[0] in _SECOND:
        return SECOND
    return {"float32": CORE, "float64": WIDE}.get(verdict.dtype, NARROW)


def composed(run: MergedRun) -> frozenset[str]:
    """The formulas of a run that are made of others."""
    return frozenset(line.id for line in run.formulas.values() if line.chapter in COMPOSED)


def scores(run: MergedRun) -> dict[tuple[str, str], Statistics]:
    """(target, profile) -> its verdicts as one group."""
    made = composed(run)
    return statistics_by(run.verdicts, lambda verdict: (verdict.target, profile(verdict, made)))


def conforming_margins(run: MergedRun) -> dict[tuple[str, str], Statistics]:
    """The same of the verdicts that conform alone: their worst margins say how much room was left."""
    made = composed(run)
    fine = (verdict for verdict in run.verdicts if verdict.grade == "conforms")
    return statistics_by(fine, lambda verdict: (verdict.target, profile(verdict, made)))
