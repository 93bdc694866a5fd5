"""A run in which anything may happen: drawn at random, the same each time, with records of every class."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports.causes.classes import RECORDED
from nnparity.reports.records import GRADES, KnownLine, Summary, Worst, encode

FORMULAS = [f"formula_{number}" for number in range(7)]
TARGETS = ["torch:cpu:eager", "jax:cpu:compiled", "jax:cpu:eager", "tensorflow:cpu:eager"]
DTYPES = ["float64", "float32", "float16", "bfloat16"]
DATASETS = ["normal", "nan in others", "rejects: integers", "zeros"]
RECORDS = {f"record-{number}": kind for number, kind in enumerate(RECORDED * 2)}
#: A record of which the run file has no line.
UNTOLD = "record-of-old"


@pytest.fixture
def lines(environment: Any, formula: Any, target: Any, verdict: Any) -> list[Any]:
    """The lines of the run; some verdicts stand there twice, and the later one counts."""
    draw = random.Random(3)
    verdicts = [_drawn(draw, verdict) for _ in range(1_500)]
    verdicts += [verdict("conforms", **_names(one)) for one in draw.sample(verdicts, 30)]
    return [
        environment(plan={"dtypes": DTYPES[:3], "targets": TARGETS, "level": ["core"]}),
        *(formula(name, chapter="one") for name in FORMULAS),
        *(target(name) for name in TARGETS),
        target("torch:cuda:eager", available=False, reason="no device"),
        *verdicts,
        *(KnownLine(id, kind, f"why {id} differs", "https://example.org/1", {"torch": "<3"}) for id, kind in KNOWN),
        Summary({}, 0, ["stale-1"], {}),
    ]


KNOWN = tuple(RECORDS.items())


def _names(one: Any) -> dict[str, str]:
    fields = ("formula", "signature", "dataset", "dtype", "target", "quantity")
    return {name: getattr(one, name) for name in fields}


def _drawn(draw: random.Random, verdict: Callable[..., Any]) -> Any:
    grade = draw.choice(GRADES) if draw.random() < 0.3 else "conforms"
    fails = grade not in ("conforms", "inconclusive", "unsupported")
    hard = draw.choice([None, "inf", draw.random() * (1e3 if fails else 1)])
    return verdict(
        grade,
        formula=draw.choice(FORMULAS[:-1]),
        target=draw.choice(TARGETS),
        dtype=draw.choice(DTYPES),
        dataset=draw.choice(DATASETS),
        quantity=draw.choice(["output", "grad.x", "hvp.x"]),
        signature=f"n{draw.randrange(40)}",
        hard=hard,
        sharp=draw.choice([None, draw.random()]),
        worst=None if hard is None else Worst([draw.randrange(9)], draw.random(), draw.random()),
        known=draw.choice([*RECORDS, UNTOLD, None, None]) if fails else None,
        diagnosis=draw.choice([None, "twice the result"]) if fails else None,
        message=draw.choice([None, "said so"]),
    )


@pytest.fixture
def path(tmp_path: Path, lines: list[Any]) -> Path:
    """The run file."""
    path = tmp_path / "random.jsonl"
    path.write_bytes(b"".join(map(encode, lines)))
    return path


@pytest.fixture
def given(path: Path) -> Path:
    """The same, or with NNPARITY_RUN=.../parity.jsonl a run file of one's own."""
    return Path(os.environ.get("NNPARITY_RUN", path))
