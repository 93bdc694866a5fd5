"""A function under test: the plan's cases run through it, in this process, and what came back judged."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from nnparity.adapters.function import FRAMEWORKS, Call, adapter, framework_of, imported, user_lines
from nnparity.adapters.kernel import DeviceUnavailable
from nnparity.api import given
from nnparity.api.judging import judged, model_of, target
from nnparity.api.results import Result
from nnparity.checks.common import first_line, first_order, observe
from nnparity.checks.special_values import findings, special_cases
from nnparity.execute.requests import request
from nnparity.execute.target import Target
from nnparity.expect.budgets import expect
from nnparity.judge.applicability import installed, instructions
from nnparity.judge.known_divergences import Known, settled
from nnparity.judge.recorded_expectations import Evidence, met
from nnparity.reports.records import PASSING, WRONG, Verdict
from nnparity.run.examiner import on_record
from nnparity.run.verdicts import verdict_line
from nnparity.spec import Case, Formula, cases_of
from nnparity.spec.schema import LEVELS, QUANTITIES, Scalar
from nnparity.spec.selection import Selection
from nnparity.spec.usage import UsageError, require

#: The salt of a call that is not judged: it comes before each group, on other numbers.
FIRST = "before"


def check(
    fn: Callable[..., Any],
    formula: str,
    *,
    dtype: Any = "float32",
    device: str | None = None,
    quantities: Sequence[str] | None = None,
    level: str = "quick",
    framework: str | None = None,
    vjp: Callable[..., Any] | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    accumulate: Any = "float32",
    special_values: bool = False,
) -> Result:
    """Whether `fn` computes the formula: true if everything that was judged conforms.

    Args:
        fn: A function on arrays of NumPy, PyTorch, JAX or TensorFlow. Its inputs come in the spec's order, by their
            names where it has all of these in another order; and those attributes that it has keywords for by theirs.
        formula: The formula's id, such as ``"softmax"``.
        dtype: float64, float32, float16 or bfloat16.
        device: "cpu" or "cuda"; "cpu" by default.
        quantities: Families to judge, of "output", "grad", "jvp", "hvp". By default the output, and gradients where
            the framework or `vjp` gives them.
        level: "quick" is one case, the first; "core" and "full" ask all that the spec writes out.
        framework: "numpy", "torch", "jax" or "tensorflow"; found out by a call when it is not said.
        vjp: The function's own gradient, called as ``vjp(cotangent, *inputs)``, in the place of the framework's.
        attributes: Values of attributes that the function has built in, such as ``{"eps": 1e-5}``.
        accumulate: What sums in half precision are held to: float32, or the dtype itself.
        special_values: Whether NaN, infinities, ties, very negative logits, empty arrays and the like are asked too,
            of output and gradients, whatever the level.

    Returns:
        A `Result`. It is not true where all verdicts of a quantity are inconclusive.

    Raises:
        UsageError: For what does not exist, with what does.
    """
    found = given.formula_of(formula)
    given.callable_of("the function", fn)
    if vjp is not None:
        given.callable_of("vjp", vjp)
    one = given.dtype_of(dtype)
    require("level", (level,), LEVELS)
    call = Call(fn, found, vjp)
    fixed = _fixed(call, one.name, attributes or {})
    groups = list(_groups(found, one.name, level, fixed))
    model = model_of(accumulate, one.name)
    name = framework or recognised(call, groups[0][0], device or "cpu")
    asked = _families(name, call, quantities)
    made = _target(name, call, device or "cpu", one.name, model)
    records = functools.cache(on_record)  # read where something does not conform, and once
    verdicts = [verdict for group in groups for verdict in _examined(made, group, asked, records)]
    first = first_order(found, tuple(asked)) if special_values else frozenset()
    specials = _specials(found, one.name, fixed) if first else []
    verdicts += [verdict for case in specials for verdict in _special(made, case, first, records)]
    return Result(verdicts, _told(made, found, one.name, sum(map(len, groups)), level, len(specials)))


def _fixed(call: Call, dtype: str, attributes: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The attributes that have one value throughout: those that are given, and those that the function does not take.

    Raises UsageError for what the formula does not have.
    """
    formula = call.formula
    if attributes and not formula.attributes:
        raise UsageError(f"{formula.id} has no attributes, and was given {', '.join(map(str, attributes))}")
    require("attribute", tuple(attributes), tuple(formula.attributes))
    if dtype not in formula.dtypes:
        raise UsageError(f"{formula.id} is not asked in {dtype}, only in {', '.join(formula.dtypes)}")
    every = {name: attributes.get(name, default) for name, default in formula.attributes.items()}
    return {
        name: given.attribute(formula, name, value)
        for name, value in every.items()
        if name in attributes or name not in call.takes
    }


def _groups(formula: Formula, dtype: str, level: str, fixed: Mapping[str, Scalar]) -> Iterator[list[Case]]:
    """The plan's cases with these attributes, a list a signature."""
    seen: set[str] = set()
    for group in cases_of(formula, dtype, level):
        cases = [_with(case, fixed) for case in group]
        if cases[0].signature.id not in seen:
            seen.add(cases[0].signature.id)
            yield cases


def _specials(formula: Formula, dtype: str, fixed: Mapping[str, Scalar]) -> list[Case]:
    """The special cases with these attributes."""
    return [_with(case, fixed) for case in special_cases(formula, Selection(dtypes=(dtype,)))]


def _with(case: Case, fixed: Mapping[str, Scalar]) -> Case:
    """The case with these attributes; its numbers follow from its new id. Raises UsageError where they do not fit."""
    changed = {name: value for name, value in fixed.items() if case.signature.attributes[name] != value}
    if not changed:
        return case
    one = given.signature(case.signature.dims, case.signature.attributes | changed, case.formula)
    found = replace(case, signature=msgspec.structs.replace(case.signature, id=one.id, attributes=one.attributes))
    given.computable(found)
    return found


def recognised(call: Call, case: Case, device: str) -> str:
    """The framework whose arrays the function takes and returns, by a call. Raises UsageError where none fits."""
    told = []
    answers = []
    for name in imported():
        try:
            found = _called(name, call, case, device)
        except Exception as error:  # noqa: BLE001  (a function of another framework may raise anything)
            told.append(f"given arrays of {name} it raised {type(error).__name__}: {first_line(str(error))}")
            told += [f"  {line}" for line in user_lines(error, Path(__file__).resolve())]
            continue
        first = found[0] if isinstance(found, tuple | list) and found else found
        whose = framework_of(first)
        if whose is not None and name in (whose, "numpy"):
            return whose
        answers.append(name)
        found = f"an array of {whose}" if whose else f"a {type(first).__name__}"
        told.append(f"given arrays of {name} it returned {found}")
    head = "the function computes with the arrays of no framework that is imported here:"
    own = answers[0] if answers else imported()[-1]
    hint = f'where one of these is its own, framework="{own}" says so: its errors are told with their cases'
    raise UsageError("\n  ".join([head, *told, _handed(call.formula), hint]))


def _handed(formula: Formula) -> str:
    """What a function of it is given, in words."""
    attributes = f"; its attributes {', '.join(formula.attributes)} by name" if formula.attributes else ""
    return f"{formula.id} hands over {', '.join(formula.inputs)}, by place in this order{attributes}"


def _called(name: str, call: Call, case: Case, device: str) -> Any:
    made = adapter(name, call, "cpu" if name == "numpy" else device, case.dtype.name)
    with made.scope():
        return call({one: made.put(x) for one, x in case.inputs.items()} | dict(case.signature.attributes))


def _families(framework: str, call: Call, quantities: Sequence[str] | None) -> frozenset[str]:
    require("framework", (framework,), tuple(FRAMEWORKS))
    forward = framework == "numpy" and call.vjp is None
    if quantities is None:
        return frozenset({"output"} if forward or not call.formula.wrt else {"output", "grad"})
    if isinstance(quantities, str):
        quantities = (quantities,)
    if not quantities:
        raise UsageError(f"quantities= names none of {', '.join(QUANTITIES)}")
    require("quantity", tuple(quantities), QUANTITIES)
    if forward and set(quantities) != {"output"}:
        raise UsageError("a NumPy function has no derivative of its own: give vjp=, or ask for quantities=('output',)")
    return frozenset(quantities)


def _target(framework: str, call: Call, device: str, dtype: str, model: str) -> Target:
    try:
        return target("", adapter(framework, call, device, dtype), (dtype,), model)
    except DeviceUnavailable as error:
        raise UsageError(str(error)) from error
    except ImportError as error:
        raise UsageError(f"{framework} cannot be imported here: {error}") from error


def _examined(
    asked: Target,
    group: Sequence[Case],
    quantities: frozenset[str],
    records: Callable[[], Sequence[Known]],
) -> Iterator[Verdict]:
    """The verdicts of a group; before it a call on other numbers, so that an answer from before is a wrong one."""
    formula, dtype = group[0].formula.id, group[0].dtype.name
    flush, model = asked.flushes[dtype], asked.model(formula, dtype, "output")  # it is that of all quantities
    first = replace(group[0], salt=FIRST)
    observe(asked.observer, [request(first, quantities)])
    for before, case in itertools.pairwise([first, *group]):
        (observed,) = observe(asked.observer, [request(case, quantities)])
        truth = expect(case, quantities, flush=flush, model=model)
        for one in judged(asked, case, observed, truth, before):
            yield _recorded(one.verdict, Evidence(case, flush, one.seen, one.expected), records)


def _special(
    asked: Target, case: Case, quantities: frozenset[str], records: Callable[[], Sequence[Known]]
) -> Iterator[Verdict]:
    """The verdicts of a special case, of which NumPy's warnings tell nothing that the verdicts do not."""
    with np.errstate(all="ignore"):
        (observed,) = observe(asked.observer, [request(case, quantities)])
    flush = asked.flushes[case.dtype.name]
    for one in findings(asked, case, observed, quantities):
        verdict = verdict_line(asked, one)
        if verdict.grade in WRONG and verdict.hard is not None and one.truth is not None:
            verdict = msgspec.structs.replace(verdict, diagnosis=one.diagnosed(flush).text)
        yield _recorded(verdict, Evidence(case, flush, one.seen, one.truth), records)


def _recorded(verdict: Verdict, evidence: Evidence, records: Callable[[], Sequence[Known]]) -> Verdict:
    """The verdict, and where it is what a record expects of the framework's own kernel, that record."""
    if verdict.grade in PASSING:
        return verdict
    here = instructions()
    about = settled([known for known in records() if known.covers(verdict, installed(tuple(known.versions)), here)])
    found = next((known for known in about if met(known.expects, known.kind, verdict, evidence)), None)
    if found is None:
        return verdict
    told = f"on record of {verdict.target.partition(':')[0]}'s own kernel as {found.id}: {found.reason}"
    return msgspec.structs.replace(verdict, known=found.id, note=told)


def _told(asked: Target, formula: Formula, dtype: str, cases: int, level: str, specials: int) -> str:
    plural = "case" if cases == 1 else "cases"
    more = f" and {specials} of special values" if specials else ""
    return f"{formula.id} in {dtype} on {asked.name}, {cases} {plural} of the level {level}{more}"
