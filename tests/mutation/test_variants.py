"""The mutation score: every variant of every formula, planted in a numpy adapter, is caught and called by its name."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import pytest

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.execute.requests import request
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.judge.diagnosis import diagnose
from nnparity.judge.grades import judge
from nnparity.spec import Case, cases_of, load
from nnparity.spec.schema import QUANTITIES

pytestmark = pytest.mark.usefixtures("store_of_the_session")  # the variants are planted in the adapter
ALL = frozenset(QUANTITIES)
PLANTED = [(formula.id, name) for formula in load().values() for name in formula.variants]


@lru_cache(maxsize=64)
def expected(case: Case) -> dict[str, Expected]:
    """Shared by the variants of a formula, which stand next to each other."""
    return expect(case, ALL)


def caught(id: str, variant: str) -> Iterator[tuple[str, str | None]]:
    """(verdict's name, diagnosis) of every quantity that does not conform.

    Of training runs, where each name costs seconds, those of the first case whose fault is called by its name.
    """
    says = load()[id].variants[variant].says
    for told in in_each_case(id, variant):
        yield from told
        if load()[id].trajectory and says in dict(told).values():
            return


def in_each_case(id: str, variant: str) -> Iterator[list[tuple[str, str | None]]]:
    """The same, case by case."""
    adapter = NumpyAdapter()
    for case in (case for group in cases_of(load()[id], "float32") for case in group):
        told, truths = [], expected(case)
        asked = request(case, ALL)
        wrong = replace(asked, attributes=asked.attributes | dict(load()[id].variants[variant].set))
        seen = adapter.observe(wrong)
        for name, truth in truths.items():
            if judge(seen[name], truth, case.dtype).grade != "conforms":
                told.append((f"{case.id} {name}", diagnose(case, name, seen[name], truth, flush=False)))
        yield told


@pytest.mark.parametrize(("id", "variant"), PLANTED, ids=[f"{id}-{variant}" for id, variant in PLANTED])
def test_a_variant_is_caught_and_named(id: str, variant: str, record_property: Callable[[str, object], None]) -> None:
    variants = load()[id].variants
    says = variants[variant].says
    told = dict(caught(id, variant))
    named, unnamed = (sum(name == one for name in told.values()) for one in (says, None))
    record_property("mutant", [named, len(told) - named - unnamed, unnamed])
    assert told, f"{id}: nobody sees that it {says}"
    assert named, f"{id}: it {says}, and the diagnoses are {set(told.values())}"
    # another name is right only where the two readings agree: rows of a kernel that has one row
    assert {name for name in told.values() if name} <= {other.says for other in variants.values()}
