"""The spec's variants as faults: what the reference computes with the variant's keywords, in the target's dtype."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Observation
from nnparity.mutate.fault import Call, Fault
from nnparity.spec import Dtype, Formula
from nnparity.spec.cases.layouts import CONTIGUOUS

KIND = "variant"
AGREES = "the two readings agree wherever the formula is asked in this dtype"


@cache
def _reference() -> NumpyAdapter:
    return NumpyAdapter()


def variant_faults(formula: Formula, dtype: Dtype) -> list[Fault]:
    """One for each variant."""
    return [Fault(one.says, KIND, _computed(one.set), AGREES) for one in formula.variants.values()]


def _computed(changes: Mapping[str, Any]) -> Callable[[Call], Observation]:
    def answer(call: Call) -> Observation:
        wrong = replace(call.request, attributes=call.request.attributes | dict(changes), layout=CONTIGUOUS)
        return _reference().observe(wrong)

    return answer
