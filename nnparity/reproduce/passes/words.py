"""A search in words, and as plain data."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from nnparity.reproduce.passes.search import Search, Tried


def shown(found: Search) -> Iterator[str]:
    """What was tried, and what comes of it."""
    yield f"{found.case} {found.quantity}: {found.compiled} against {found.eager}: {found.apart.told}"
    if found.apart.none:
        return
    for one in [*found.tried, *([found.together] if found.together else [])]:
        yield f"  {one.switch}: {_outcome(one)}"
    yield from _stage(found)
    if found.named:
        yield f"{found.compiler}: {', '.join(one.switch for one in found.named)} {found.named[0].outcome}"
    elif found.together and found.together.left and found.together.left.none:
        yield f"{found.compiler}: {found.together.switch}, together, removes it"
    else:
        yield f"{found.compiler}: none of {len(found.tried)} switches removes it"


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
