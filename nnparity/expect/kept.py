"""What is computed of a case is kept: a function marked `kept` asks the store of this process first, where it has one.

Of a case only the names go into the key: its numbers follow from those and from the spec, whose files the digest of
sources covers, and a pack's formula has the digest of the pack. Of one whose numbers are given, or are real data from
another package, which may have others in its next version, and of anything else that is asked, the contents do.
"""

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import msgspec

from nnparity.reference import FORMULAS
from nnparity.spec import Case, Formula, packs
from nnparity.spec.cases.samples import SAMPLES
from nnparity.store import memory, questions
from nnparity.store.memory import Form

P = ParamSpec("P")
R = TypeVar("R")
#: What an expectation follows from.
ROOMS = ("spec", "reference", "expect")


def kept(form: Form, *rooms: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function of cases whose results are kept in that form; they follow from the code of ROOMS and of `rooms`."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def once(*arguments: P.args, **keywords: P.kwargs) -> R:
            store = memory.used()
            key = store and _key((*ROOMS, *rooms), function, arguments, keywords)
            if not (store and key):
                return function(*arguments, **keywords)
            return store.recall(key, form, lambda: function(*arguments, **keywords))

        return once

    return mark


def _key(rooms: tuple[str, ...], function: Callable[..., Any], arguments: Any, keywords: Any) -> bytes | None:
    """The key of a call, whatever way its arguments are given; None where something of it cannot be told."""
    call = _signature(function).bind(*arguments, **keywords)
    call.apply_defaults()
    try:
        asked = [_case(one) if isinstance(one, Case) else questions.told(one) for one in call.args]
        asked += [[name, questions.told(one)] for name, one in call.kwargs.items()]
    except questions.Nameless:
        return None
    return questions.key(rooms, f"{function.__module__}.{function.__qualname__}", asked)


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _case(case: Case) -> Any:
    """A case by its names, and by its numbers where they do not follow from them. Raises Nameless."""
    names = [type(case).__qualname__, told_formula(case.formula), msgspec.msgpack.encode(case.signature)]
    names += [case.dataset, case.dtype.name, case.salt]
    if type(case).__module__.startswith(Case.__module__.rpartition(".")[0]) and case.dataset not in SAMPLES:
        return names
    tangents = case.tangents if _moves_otherwise(case) else {}
    return [*names, *map(questions.told, (case.inputs, case.cotangents, tangents))]


def told_formula(formula: Formula) -> bytes:
    """All that its entry says. Raises Nameless for one that is not the reference's."""
    if not _from_the_reference(formula):
        raise questions.Nameless(f"{formula.id} is not the reference's")
    return msgspec.msgpack.encode(formula)


def _moves_otherwise(case: Case) -> bool:
    """Whether its tangents do not follow from its names and inputs, as those of any case do."""
    return type(case).tangents is not Case.tangents or type(case)._tangent is not Case._tangent


def _from_the_reference(formula: Formula) -> bool:
    """Whether the reference has it, or a pack's, whose files a digest covers."""
    found = FORMULAS.get(formula.id)
    pack = packs.of(formula.id)
    if pack is not None and formula == pack.formulas[formula.id] and found is not None:
        return found.forward.__module__.startswith(pack.module(""))
    parts = (found.forward, found.backward or found.forward) if found else (_key,)
    return all(part.__module__.startswith("nnparity.reference.") for part in parts)
