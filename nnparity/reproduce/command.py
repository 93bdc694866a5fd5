"""What ``nnparity reproduce`` does: a cell, once observed and judged, written down as a script."""

import importlib

from nnparity.adapters.dialect import Dialect
from nnparity.adapters.packs import kernel_of
from nnparity.adapters.registry import BUILTIN
from nnparity.checks.threads import ALL_CORES
from nnparity.judge.special_values.rules import permits
from nnparity.reproduce.cell import Cell
from nnparity.reproduce.narrowing import narrowed
from nnparity.reproduce.writing.scene import Scene
from nnparity.reproduce.writing.script import RESERVED, script
from nnparity.reproduce.writing.sources import Extraction, Module, Unreproducible, member, module
from nnparity.reproduce.writing.words import derivation, title
from nnparity.spec.schema import plain


def reproduction(found: Cell, backend: str, refused: bool = False) -> str:
    """The script of a cell, of one that the framework refuses where `refused` says so. Raises Unreproducible."""
    adapter, kind = place(backend)
    spoken = dialect(adapter, kind)
    if found.judged.grade == "unsupported" and not refused:
        raise Unreproducible(f"there is nothing to reproduce: {found.judged.message}")
    name = found.target.name
    constants = {"device": found.target.device, "mode": found.target.mode, "backend": backend}
    reserved = (*RESERVED, *found.case.formula.inputs)
    # What all cores share is drawn in the script, as many numbers as there are.
    whole, found = found, found if found.case.dataset == ALL_CORES else narrowed(found)
    kernel = Extraction(adapter, kind, constants, reserved, kernel_of(found.case.formula, backend))
    scene = Scene(
        found.case,
        found.quantity,
        name,
        found.target.observer.info.versions,
        found.telling,
        title(whole.case, found.quantity, name, found.target.observer.info.versions, found.spoilt, whole is not found),
        derivation(found.case, found.quantity),
        found.note,
        found.drawn,
        found.signed,
        any(permit.raises for _, permit in permits(found.case, plain(found.quantity))),
        () if found.spoilt else found.truth.value.shape,
        None if found.spoilt else found.truth.steps,
        "joint" in spoken.programs and {"grad", "jvp", "hvp"} <= found.asked,
    )
    return script(scene, kernel, spoken)


def place(backend: str) -> tuple[Module, str]:
    """The module and the class of a backend's adapter."""
    path = BUILTIN[backend][0] if backend in BUILTIN else backend
    source, _, kind = path.rpartition(":")
    if backend == "numpy" or not source:
        raise Unreproducible(f"{backend} is no framework's adapter that can be read: name one as in `nnparity list`")
    return module(source), kind


def dialect(adapter: Module, kind: str) -> Dialect:
    """How the framework is spoken to, from beside the module in which the adapter differentiates, or makes arrays."""
    found = member(adapter, kind, "vjp") or member(adapter, kind, "put")  # what runs forward only has no vjp of its own
    if found is None:
        raise Unreproducible(f"{kind} says nowhere how it makes arrays")
    try:
        spoken: Dialect = importlib.import_module(f"{found.module.name.rpartition('.')[0]}.reproduction").DIALECT
    except ImportError as error:
        raise Unreproducible(f"no module `reproduction` says how {kind} is spoken to in a script") from error
    return spoken
