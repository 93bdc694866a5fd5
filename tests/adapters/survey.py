"""Run as a program: one backend, and what the tests of this folder and of packs ask of it, as JSON on the last line.

Each framework gets a process of its own: imported together they disturb one another. And one process for all that is
asked: most take longer to be imported than to answer.
"""

import fnmatch
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity import checks
from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import resolve
from nnparity.adapters.registry import load
from nnparity.adapters.request import Failure, Request
from nnparity.execute import messages, worker
from nnparity.execute.protocol import TargetInfo
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.reference import packs as references
from nnparity.reports.records import PASSING, Verdict
from nnparity.run.examiner import Examiner
from nnparity.spec import Formula, cases_of, packs
from nnparity.spec import load as formulas
from nnparity.spec.schema import QUANTITIES
from nnparity.tests import once
from nnparity.tests.adapters.compare import wrong
from nnparity.tests.adapters.formulas import CASES, DTYPES
from nnparity.tests.checks.inside import Inside, plan

#: mode/case/dtype -> the quantities found wrong.
Survey = dict[str, list[str]]

ALL = tuple(CASES)
OUTPUT, FIRST, EVERYTHING = ("output",), ("output", "grad"), ("output", "grad", "jvp", "hvp")


@dataclass(frozen=True)
class Plan:
    """What to look at in a mode: these families in float64, those in the narrower dtypes, of some formulas."""

    formulas: tuple[str, ...] = ALL
    mode: str = "eager"
    float64: tuple[str, ...] = EVERYTHING
    narrower: tuple[str, ...] = FIRST


#: One of each kind of Keras's layers, losses and optimisers.
SOME = ("dense", "conv2d", "layer_norm", "lstm_last", "mlp_backprop", "gan_discriminator_loss", "adam_eps_hat")

#: JAX compiles each operation for each shape, so its few eager formulas take as long as all compiled ones.
PLANS = {
    "torch": [Plan()],
    "tensorflow": [
        Plan(),
        Plan(("dense", "softmax"), "compiled", EVERYTHING, ()),
        Plan(("dense", "attention"), "graph", EVERYTHING, ()),
    ],
    "jax": [
        Plan(("dense", "relu", "softmax", "conv2d", "adam"), "eager", EVERYTHING, OUTPUT),
        Plan(mode="compiled", float64=FIRST, narrower=()),
        Plan(("lstm_step", "attention", "layer_norm", "max_pool2d"), "compiled", EVERYTHING, ()),
    ],
    "keras-torch": [Plan()],
    "keras-tensorflow": [Plan((*SOME, "multi_head_attention"), "eager", EVERYTHING, OUTPUT)],
    "keras-jax": [Plan(SOME, "compiled", FIRST, OUTPUT), Plan(("dense", "layer_norm"), "compiled", EVERYTHING, ())],
}
#: Where each backend's kernels live.
HOMES = {
    "huggingface": ("transformers",),
    "numpy": ("nnparity",),
    "tensorflow": ("tf",),
    "jax": ("jax", "jnp"),
    "onnxruntime": ("ai",),
}
#: Paths that are none, asked of one backend beside its own.
PLANTED = {
    "torch": ("torch.nn.functional.conv2", "torch.nn.Sequential of Linear", "torch.pi", "tanh", "json.dumps"),
}
#: The adapters that declare something as refused, each in the mode that compiles fastest.
DECLARING = {
    **dict.fromkeys(("jax", "keras-jax", "tensorflow"), "compiled"),
    "torch": "compiled",
    "onnxruntime": "optimized",
    "mlx": "lazy",
}


def told(session: pytest.FixtureRequest, backend: str, question: str) -> Any:
    """What the process of that backend answers."""
    return once.told(session, __name__, backend, question, ASKING)


def of_traceability(backend: str) -> dict[str, Any]:
    """What its worker sends of itself."""
    _, info = worker._begin(backend, "cpu", "")
    arrived = messages.answer(messages.of_answer(info))
    assert isinstance(arrived, TargetInfo)
    return {"kernels": sorted(arrived.kernels), "unsupported": arrived.unsupported}


def of_keras(backend: str) -> dict[str, Any] | None:
    """Which kernels are of another house, the target where Keras was imported on its backend before, and one `mse`."""
    if not backend.startswith("keras-"):
        return None
    found = load(backend)
    foreign = [name for name, kernel in found.kernels().items() if kernel.calls.split(".")[0] != "keras"]
    made = found()
    return {"foreign": foreign, "target": made.target, "mse": _units(made)}


def _units(made: Adapter) -> float:
    """The `mse` of 8 rows of 160 whose mean squares are 33 times the smallest number of float16: 2,640 of it.

    Nothing of that is rounded, unless the adapter makes it smaller on its way.
    """
    y = np.zeros((8, 160), np.float16)
    y[:, :82], y[:, 82:114] = 2.0**-9, 2.0**-12  # 82 * 64 + 32 = 33 * 160
    (seen,) = worker.observe(made, Request("mse", {"y": y, "t": np.zeros_like(y)})).values()
    assert isinstance(seen, np.ndarray)
    return float(seen) / 2.0**-24


def of_kernels(backend: str) -> dict[str, list[str]]:
    """Of the paths that it names, and of those planted, which do not resolve, and why."""
    kernels = load(backend).kernels()
    assert all(kernel.paths for kernel in kernels.values())
    homes = HOMES.get(backend, (backend.split("-", maxsplit=1)[0],))
    own = ((id, path) for id, kernel in kernels.items() for path in kernel.paths)
    planted = (("planted", path) for path in PLANTED.get(backend, ()))
    return {"own": list(_unresolved(own, homes)), "planted": list(_unresolved(planted, homes))}


def _unresolved(named: Iterator[tuple[str, str]], homes: tuple[str, ...]) -> Iterator[str]:
    for id, path in named:
        try:
            resolve(path)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            yield f"{id}: {path}: {error}"
        else:
            if path.split(".")[0] not in homes:
                yield f"{id}: {path}: of another framework"


def of_refusals(backend: str) -> dict[str, list[str]]:
    """The declarations, and those that are stale."""
    adapter = load(backend)(mode=DECLARING.get(backend, ""))
    return {"declared": [str(one) for one in adapter.refused], "stale": stale(adapter)}


def stale(adapter: Adapter) -> list[str]:
    """The declarations of an adapter, formula by formula, where nothing is refused."""
    return [
        f"{formula.id} {dtype} {quantity}"
        for (name, wanted, quantity, place) in adapter.refused
        if fnmatchcase(f"{adapter.device}:{adapter.mode}", place)
        for formula in formulas().values()
        if fnmatchcase(formula.id, name) and formula.id not in adapter.unsupported
        for dtype in fnmatch.filter(formula.dtypes, wanted)
        if not refused(adapter, formula, dtype, quantity)
    ]


def refused(adapter: Adapter, formula: Formula, dtype: str, quantity: str) -> bool:
    """Whether it refuses all that is named so of a formula's first case."""
    case = next(cases_of(formula, dtype))[0]
    families = [family for family in QUANTITIES if quantity.startswith(family)]
    seen = adapter.observe(request(case, frozenset(families or QUANTITIES)))
    named = [answer for key, answer in seen.items() if fnmatchcase(key, quantity)]
    return bool(named) and all(isinstance(one, Failure) and one.kind == "unsupported" for one in named)


def of_formulas(backend: str) -> Survey:
    """What is found wrong by its plans."""
    looked = (one for plan in PLANS.get(backend, ()) for one in _look(backend, plan))
    return {case: keys for case, keys in looked if keys}


def _look(backend: str, plan: Plan) -> Iterator[tuple[str, list[str]]]:
    adapter = load(backend)("cpu", plan.mode)
    for dtype in DTYPES if plan.narrower else DTYPES[:1]:
        families = frozenset(plan.float64 if dtype == "float64" else plan.narrower)
        for name in plan.formulas:
            yield f"{plan.mode}/{name}/{dtype}", _wrong(adapter, name, dtype, families)


def _wrong(adapter: Adapter, name: str, dtype: str, families: frozenset[str]) -> list[str]:
    case = CASES[name]
    request = case.request(name, dtype, families if case.differentiated else frozenset(OUTPUT))
    for group in (request.inputs, request.cotangents, request.tangents):
        for array in group.values():
            array.flags.writeable = False
    seen = adapter.observe(request)
    if name in adapter.unsupported:
        # Said, with the reason, in place of every quantity; anything else is listed.
        reason = Failure("unsupported", adapter.unsupported[name])
        return sorted(key for key in seen if seen[key] != reason)
    return sorted(wrong(case, request, seen))


def of_a_pack(backend: str) -> dict[str, list[str]]:
    """By formula of a pack, whose kernels' paths all resolve, in which house each lies."""
    taken = packs.take(MODERN)
    kernels = load(backend).kernels()
    for id in taken.formulas:
        for path in kernels[id].paths:
            resolve(path)
    return {id: [path.split(".")[0] for path in kernels[id].paths] for id in taken.formulas}


def of_a_packs_specials(backend: str) -> dict[str, list[str]]:
    """What no record explains of special values of a pack's formulas, and of one array for several inputs."""
    taken = references.take(MODERN)
    observer = Inside(load(backend))
    _, observer.info = worker._begin(backend, "cpu", "")
    asked = plan(*FEW.get(backend, taken.formulas), quantities=FIRST)
    target, examiner = Target(observer, dict.fromkeys(DTYPES, False)), Examiner(asked, diagnosing=False)  # type: ignore[arg-type]
    found = [one for item in checks.items(asked) if item.check in SHOWN for one in examiner.check(item, target)]
    judged = [one for one in found if isinstance(one, Verdict)]
    new = [one for one in judged if one.grade not in PASSING and one.known is None]
    return {
        "asked": sorted({one.formula for one in judged}),
        "datasets": sorted({one.dataset for one in judged}),
        "records": sorted({one.known for one in judged if one.known}),
        "new": [f"{one.case} {one.quantity}: {one.grade}: {one.message}" for one in new],
    }


#: By the module that asks; what a pack brings comes last.
QUESTIONS: dict[str, Callable[[str], Any]] = {
    "keras": of_keras,
    "traceability": of_traceability,
    "kernels": of_kernels,
    "refusals": of_refusals,
    "formulas": of_formulas,
    "a pack": of_a_pack,
    "a pack's special values": of_a_packs_specials,
}
#: The module that asks each.
ASKING = {one: Path(__file__).with_name(f"test_{one}.py") for one in QUESTIONS} | {
    one: Path(__file__).parents[1] / "command_line" / "test_packs.py" for one in ("a pack", "a pack's special values")
}
#: The checks in which the frameworks differ from a pack's formulas for reasons of their own.
SHOWN = (checks.SPECIALS, checks.LAYOUTS)
#: Of whose formulas a few are enough: it compiles each for each of its sizes.
FEW = {"jax": ("causal_attention", "group_norm", "huber", "swiglu")}
MODERN = Path(__file__).resolve().parents[2] / "packs" / "modern"


def _main(backend: str, *asked: str) -> None:
    if backend.startswith("keras-"):
        os.environ["KERAS_BACKEND"] = backend.removeprefix("keras-")
        import keras  # noqa: F401  (the first to import it decides)
    once.answer(QUESTIONS, backend, asked)


if __name__ == "__main__":
    _main(*sys.argv[1:])
