"""A switch of a compiler, and how a target's process is told some of them."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The environment variable with the settings that the adapter makes itself, as JSON.
VARIABLE = "NNPARITY_SWITCHES"
#: What XLA reads by itself; a flag that it does not know ends the process.
XLA_FLAGS = "XLA_FLAGS"
DISABLED = "--xla_disable_hlo_passes="


@dataclass(frozen=True)
class Switch:
    """One thing that is done otherwise: settings of the framework's, flags of XLA, or one of its passes left out.

    A `stage` is the compiler cut short behind a part of it: what differs already there comes from that part. `both`:
    it does something to eager code too, and has to be set for that as well. `compound`: others of the list at once.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    disabled: str = ""
    stage: bool = False
    both: bool = False
    compound: bool = False


@dataclass(frozen=True)
class Compiler:
    """What a mode is compiled by. `tracing` has a program's passes written into a folder, `traced` reads them there.

    `sharing` is the environment in which processes may share a folder of what they build: a program is not kept there.
    `both`: eager code is made by it too, operation by operation, so that a switch may have to be set for that as well.
    `broad` are switches of much at once, which name little: they are tried last.
    `apart`: eager code is other code altogether, of the framework's own kernels. Where a difference stays with all
    switches at once no single one has to be looked for.
    """

    name: str
    switches: tuple[Switch, ...]
    tracing: Callable[[Path], Switch] | None = None
    traced: Callable[[Path], Sequence[Switch]] = lambda _: ()
    sharing: Mapping[str, str] = field(default_factory=dict)
    both: bool = False
    apart: bool = False
    broad: tuple[Switch, ...] = ()


def every(*switches: Switch) -> Switch:
    """Settings of several at once."""
    settings = {name: value for one in switches for name, value in one.settings.items()}
    name = " and ".join(one.name for one in switches)
    return Switch(name, settings, both=any(one.both for one in switches), compound=True)


def environment(switches: Sequence[Switch]) -> dict[str, str]:
    """What tells a process all of them; the user's own flags of XLA stay."""
    settings = {name: value for one in switches for name, value in one.settings.items()}
    disabled = ",".join(one.disabled for one in switches if one.disabled)
    flags = [*(flag for one in switches for flag in one.flags), *([f"{DISABLED}{disabled}"] if disabled else [])]
    found = {VARIABLE: json.dumps(settings)} if settings else {}
    if flags:
        found[XLA_FLAGS] = " ".join([*os.environ.get(XLA_FLAGS, "").split(), *flags])
    return found


def told() -> dict[str, Any]:
    """The settings that this process was told. Raises ValueError for what is no JSON object."""
    found = json.loads(os.environ.get(VARIABLE) or "{}")
    if not isinstance(found, dict):
        raise ValueError(f"{VARIABLE} is no JSON object: {found!r}")
    return found
