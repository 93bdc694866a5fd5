"""Sixty faults whose causes are known, and what is told of each: how often the diagnosis is right, and how often wrong.

Half are variants of the spec, planted in the reference; the others factors, missing gradients, fewer digits on the way
in and out, whole computations in a narrower format, and numbers that only look like it, which have no name at all.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.execute.requests import request
from nnparity.expect.budgets import expect
from nnparity.expect.evaluation import evaluate
from nnparity.judge.diagnosis import Diagnosis, diagnosed
from nnparity.judge.grades import judge
from nnparity.judge.narrower.formats import ROUNDINGS
from nnparity.reference.readings.base import plain
from nnparity.reference.readings.rounded import on
from nnparity.spec import Case, Formula, cases_of, load

FAMILIES = frozenset({"output", "grad"})
FORMULAS = ("dense", "conv2d", "softmax", "attention", "lstm_step", "tanh")
FORMULAS += ("layer_norm", "gelu", "cross_entropy_logits", "avg_pool2d", "residual_attention", "mse")
Answers = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """A fault of a formula: what it answers to a case, and a part of the name that it must be given."""

    formula: str
    cause: str
    answer: Callable[[Case], Answers]
    #: which of the quantities the fault is in, by the beginning of their names
    where: str = ""


def right(case: Case, changed: dict[str, Any] | None = None) -> Answers:
    """What the reference answers, with other keywords if asked."""
    asked = request(case, FAMILIES)
    return dict(NumpyAdapter().observe(replace(asked, attributes=asked.attributes | (changed or {}))))


def variants(formula: Formula) -> Iterator[Planted]:
    """The first, the middle and the last of the spec's."""
    known = list(formula.variants.values())
    for one in (known[0], known[len(known) // 2], known[-1]):
        yield Planted(formula.id, one.says, lambda case, changed=dict(one.set): right(case, changed))  # type: ignore[misc]


def scaled(factor: float) -> Callable[[Case], Answers]:
    return lambda case: {
        name: np.asarray(y.astype(np.float64) * factor).astype(y.dtype) for name, y in right(case).items()
    }


def lifted(lift: Callable[[Any], Any]) -> Callable[[Case], Answers]:
    def answer(case: Case) -> Answers:
        with np.errstate(all="ignore"):
            found = evaluate(case, FAMILIES, lift, lift, {})
            return {name: np.asarray(plain(y)).astype(case.dtype.numpy) for name, y in found.items()}

    return answer


def rounded(name: str) -> Callable[[Case], Answers]:
    return lambda case: {
        quantity: ROUNDINGS[name](y.astype(np.float64)).astype(y.dtype) for quantity, y in right(case).items()
    }


def through(name: str) -> Callable[[Case], Answers]:
    return lifted(lambda x: ROUNDINGS[name](np.asarray(x, np.float64)))


#: Those of any formula, by dtype: the name, or a part of it; what they do; where.
COMMON: dict[str, list[tuple[str, Callable[[Case], Answers], str]]] = {
    "float32": [
        ("times 0.5", scaled(0.5), ""),
        ("times -1", scaled(-1.0), ""),
        ("all of it is zeros", scaled(0.0), "grad"),
        ("inputs rounded to 10-bit mantissas: TF32", through("10-bit mantissas: TF32"), ""),
        ("inputs rounded to bfloat16", through("bfloat16"), ""),
        ("the result was rounded to bfloat16", rounded("bfloat16"), ""),
        ("computation in bfloat16", lifted(on("bfloat16", lanes=1)), ""),
        ("computation in float16", lifted(on("float16", lanes=1)), ""),
    ],
    "bfloat16": [
        ("times 0.5", scaled(0.5), ""),
        ("times -1", scaled(-1.0), ""),
        ("all of it is zeros", scaled(0.0), "grad"),
        ("times 1.25", scaled(1.25), ""),
    ],
}


def sixty(dtype: str) -> list[Planted]:
    """Five of each formula: three variants, and two of the others in turn."""
    found = []
    for place, id in enumerate(FORMULAS):
        found += list(variants(load()[id]))
        turn = [COMMON[dtype][(2 * place + step) % len(COMMON[dtype])] for step in range(2)]
        found += [Planted(id, cause, answer, where) for cause, answer, where in turn]
    return found


def told(fault: Planted, dtype: str, cases: int = 2) -> Iterator[tuple[Case, str, Diagnosis]]:
    """Of each verdict that the fault breaks."""
    groups = [one for group in cases_of(load()[fault.formula], dtype) for one in group if one.dataset == "normal"]
    for case in islice(groups, cases):
        truths, seen = expect(case, FAMILIES), fault.answer(case)
        for name, truth in truths.items():
            if name.startswith(fault.where) and judge(seen[name], truth, case.dtype).grade != "conforms":
                yield case, name, diagnosed(case, name, seen[name], truth, flush=False, beside=seen)


def outcome(fault: Planted, found: Diagnosis) -> str:
    """Ties that hold the right name are right."""
    if not found.names:
        return "unknown"
    return "right" if any(fault.cause in name for name in found.names) else "wrong"


def score(dtype: str) -> tuple[Counter[str], Counter[str], list[str]]:
    """How many verdicts, and how many faults by most of their verdicts, are named how; and which are not right."""
    verdicts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    misses = []
    for fault in sixty(dtype):
        found = [(case, name, one, outcome(fault, one)) for case, name, one in told(fault, dtype)]
        mine = Counter(kind for *_, kind in found)
        verdicts += mine
        faults[mine.most_common(1)[0][0] if mine else "not seen"] += 1
        misses += [
            f"{case.id} {name} [{fault.cause}]: {one.text}" for case, name, one, kind in found if kind != "right"
        ]
    return verdicts, faults, misses
