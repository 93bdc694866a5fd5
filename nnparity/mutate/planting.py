"""A target with a fault: what the harness asks goes through to the real one, and what comes back is spoilt on the way.

Answers of the real one are kept: most faults are asked the same.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnparity.adapters.request import Array, Observation, Request
from nnparity.execute.observer import Observed
from nnparity.execute.protocol import TargetInfo
from nnparity.execute.target import Target
from nnparity.mutate.fault import Call, Fault
from nnparity.spec import DTYPES, Formula, Signature, load, shapes
from nnparity.spec.given import Given

#: Answers kept, of one formula in one dtype.
KEPT = 4096


@dataclass
class Memory:
    """What the real target has answered, by request and number of threads."""

    target: Target
    answers: dict[tuple[bytes, int | None], Observed] = field(default_factory=dict)

    def observed(self, request: Request, threads: int | None) -> Observed:
        """The answer, asked for once."""
        key = (_digest(request), threads)
        if key not in self.answers:
            if len(self.answers) >= KEPT:
                self.answers.clear()
            observer = self.target.observer.on_threads(threads) if threads else self.target.observer
            observer.submit([request])
            (self.answers[key],) = observer.collect()
        return self.answers[key]


class Planted:
    """What the harness asks of an `Observer`, with a fault in it."""

    def __init__(self, memory: Memory, fault: Fault, threads: int | None = None) -> None:
        self.info: TargetInfo = memory.target.observer.info
        self._effect = 0.0
        self._memory, self._fault, self._threads = memory, fault, threads
        self._pending: Sequence[Request] = ()
        self._before: Observation = {}
        self._times: dict[bytes, int] = {}
        self._twins: dict[int | None, Planted] = {}

    def submit(self, requests: Sequence[Request]) -> None:
        """See `Observer`."""
        self._pending = requests

    def collect(self) -> Iterator[Observed]:
        """See `Observer`."""
        for request in self._pending:
            yield self._answer(request)

    def _answer(self, request: Request) -> Observed:
        right = self._memory.observed(request, self._threads)
        if right.fate:
            return right
        answer = self._fault.answer(self._call(request))
        self._before = right.observation
        self._effect = max(self._effect, _effect(answer, right.observation))
        return Observed(answer, 0.0, notes=right.notes)

    def _call(self, request: Request) -> Call:
        key, case = _digest(request), self._case(request)
        times = self._times.get(key, 0)
        self._times[key] = times + 1
        flush = self._memory.target.flushes.get(case.dtype.name, False)
        return Call(request, case, self._observe, self._before, times, self._threads, flush)

    def _observe(self, request: Request) -> Observation:
        return self._memory.observed(request, self._threads).observation

    def _case(self, request: Request) -> "Asked":
        formula = load()[request.formula]
        dims = shapes.bound(formula.inputs, {name: x.shape for name, x in request.inputs.items()})
        signature = Signature("", dims, dict(request.attributes), "core", ())
        dtype = DTYPES[request.float_dtype]
        numbers = (dict(request.inputs), _against(formula, signature, request))
        return Asked(formula, signature, "asked", dtype, "", *numbers, _along(formula, request))

    def single_threaded(self) -> "Planted":
        """Itself."""
        return self

    def on_threads(self, threads: int) -> "Planted":
        """See `Observer`."""
        return self.twin(threads)

    def twin(self, threads: int | None = None) -> "Planted":
        """See `Observer`: the same fault in another process."""
        if threads not in self._twins:
            self._twins[threads] = Planted(self._memory, self._fault, threads)
        return self._twins[threads]

    @property
    def effect(self) -> float:
        """How far it, or one of its twins, ever answered from the real target, in roundings of a number; 0: never."""
        return max([self._effect, *(twin.effect for twin in self._twins.values())])


@dataclass(frozen=True, eq=False)
class Asked(Given):
    """The case of a request."""

    along: dict[str, Array] = field(default_factory=dict)

    @property
    def tangents(self) -> dict[str, Array]:
        """As given."""
        return self.along


def _against(formula: Formula, signature: Signature, request: Request) -> dict[str, Array]:
    """The cotangents of a request; those of outputs that nothing comes back to are 0."""
    given, dtype = request.cotangents, DTYPES[request.float_dtype].numpy
    sizes = {name: shapes.evaluate(text, signature.sizes) for name, text in formula.results.items()} if given else {}
    return {name: given[name] if name in given else np.zeros(shape, dtype) for name, shape in sizes.items()}


def _along(formula: Formula, request: Request) -> dict[str, Array]:
    """The tangents of a request; those of inputs that are constants in it are 0."""
    given = request.tangents
    return {name: given.get(name, np.zeros_like(request.inputs[name])) for name in formula.wrt} if given else {}


def planted(memory: Memory, fault: Fault) -> tuple[Target, Planted]:
    """The target with the fault."""
    observer = Planted(memory, fault)
    stand_in: Any = observer
    return Target(stand_in, memory.target.flushes, memory.target.asked), observer


def _digest(request: Request) -> bytes:
    told = hashlib.blake2b(digest_size=16)
    asked = request.formula, request.attributes, sorted(request.quantities), request.wrt, request.layout
    told.update(repr((*asked, request.way)).encode())
    for group in (request.inputs, request.cotangents, request.tangents):
        for name, array in group.items():
            told.update(f"{name} {array.dtype} {array.shape}".encode())
            told.update(array.tobytes())
    return told.digest()


def _effect(answer: Observation, right: Observation) -> float:
    if answer.keys() != right.keys():
        return math.inf
    return max((_apart(answer[name], right[name]) for name in answer), default=0.0)


def _apart(a: Any, b: Any) -> float:
    """The largest distance of two elements, in roundings of either; infinity where they are no such arrays."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return 0.0 if type(a) is type(b) else math.inf
    if a.dtype != b.dtype or a.shape != b.shape:
        return math.inf
    x, y, dtype = a.astype(np.float64), b.astype(np.float64), DTYPES[a.dtype.name]
    with np.errstate(all="ignore"):
        ratio = np.abs(x - y) / (2 * dtype.unit * np.abs(y) + dtype.step)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    return float(np.where(same, 0.0, np.nan_to_num(ratio, nan=np.inf)).max(initial=0.0))
