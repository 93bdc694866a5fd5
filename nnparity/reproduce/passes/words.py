"""A search in words, and as plain data."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from nnparity.reproduce.passes.found import CHANGES, REMOVES, Search, Tried


def shown(found: Search) -> Iterator[str]:
    """What was tried, and what comes of it."""
    yield f"{found.case} {found.quantity}: {found.compiled} against {found.eager}: {found.apart.told}"
    if found.apart.none:
        return
    for one in [*found.tried, *found.several]:
        yield f"  {one.switch}: {_outcome(one)}"
    yield from _stage(found)
    yield f"{found.compiler}: {_named(found) or _none(found)}"


def answer(found: Search) -> str:
    """What comes of a search of a cell in which the modes differ, in one line."""
    tried = any(not one.stage for one in found.tried)
    if found.kernels and found.at_once:
        return f"it stays with {found.at_once.switch}: other code for the operations themselves"
    return _named(found) or "; ".join([*_stage(found), *([_none(found)] if tried else [])])


def _named(found: Search) -> str:
    if found.named:
        return f"{', '.join(one.switch for one in found.named)} {found.named[0].outcome}"
    for several in found.several:
        if several.outcome == REMOVES:
            return f"{several.switch}, together, removes it"
    return ""


def _none(found: Search) -> str:
    said = f"none of {len(found.tried)} switches removes it"
    changing = [one.switch for one in found.tried if one.outcome == CHANGES and not one.stage]
    return f"{said}, {', '.join(changing)} change{'s' * (len(changing) == 1)} it" if changing else said


def _stage(found: Search) -> Iterator[str]:
    stages = [one for one in found.tried if one.stage]
    if stages:
        yield f"it comes with {found.stage.switch}" if found.stage else f"it comes behind {stages[-1].switch}"


def _outcome(one: Tried) -> str:
    if one.left is None:
        return f"{one.outcome}: {one.message}"
    return one.outcome if one.left.none else f"{one.outcome}: {one.left.told}"


def data(found: Search) -> dict[str, Any]:
    """The search as JSON can hold it; `named` are the switches that the words name."""
    return asdict(found) | {"named": [one.switch for one in found.named], "stage": _name(found.stage)}


def _name(one: Tried | None) -> str | None:
    return one.switch if one else None
