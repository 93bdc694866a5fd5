"""The references of packs: modules that register a function and its VJP for each formula.

A pack has one, ``reference.py``, or one beside each of its files of formulas, ``losses.py`` beside ``losses.toml``.
"""

from collections.abc import Iterator
from functools import update_wrapper
from pathlib import Path

from nnparity.reference.outside import located
from nnparity.reference.registry import FORMULAS, Reference
from nnparity.spec import Formula, packs
from nnparity.spec.file_modules import executed
from nnparity.spec.packs import REFERENCE, Pack
from nnparity.spec.usage import UsageError


def take(given: str | Path) -> Pack:
    """A pack with its reference, from now on known in this process; one that is known already is given again.

    Raises UsageError for what is wrong with it, with file and field; then nothing of it is kept.
    """
    pack = packs.take(given)
    try:
        _refer(pack)
    except BaseException:
        packs.drop(pack)
        raise
    return pack


def drop(pack: Pack) -> None:
    """Forgets it."""
    packs.drop(pack)
    for id in pack.formulas:
        FORMULAS.pop(id, None)


def complete() -> None:
    """The references of packs of which this process has the formulas alone."""
    for pack in packs.taken():
        _refer(pack)


def _refer(pack: Pack) -> None:
    if pack.formulas.keys() <= FORMULAS.keys():
        return
    before = dict(FORMULAS)
    try:
        if not (files := pack.references):
            missing = pack.folder / REFERENCE
            raise UsageError(f"{missing}: not there; a pack has its formulas in plain NumPy in {REFERENCE}")
        for file in files:
            _run(pack, file)
        for wrong in _faults(pack.formulas, {id: one for id, one in FORMULAS.items() if id not in before}):
            raise UsageError(f"{files[0] if len(files) == 1 else pack.folder}: {wrong}")
        for id in pack.formulas:
            _locate(FORMULAS[id])
    except BaseException:
        FORMULAS.clear()
        FORMULAS.update(before)
        raise


def _locate(reference: Reference) -> None:
    """Has a reference tell its own line where it fails: it is no fault of nnparity's."""
    forward, backward = reference.forward, reference.backward
    reference.forward = update_wrapper(located(forward, reference.id), forward)
    if backward is not None:
        reference.backward = update_wrapper(located(backward, f"the VJP of {reference.id}"), backward)


def _run(pack: Pack, path: Path) -> None:
    """Imports the module, which registers its formulas."""
    try:
        executed(pack.module(path.stem), path)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # one that ends the process would end a proof as if all were proven
        raise UsageError(f"{path}: {type(error).__name__}: {error}") from error


def _faults(formulas: dict[str, Formula], references: dict[str, Reference]) -> Iterator[str]:
    for id in sorted(formulas.keys() ^ references.keys()):
        yield f"{id!r} is " + ("in the TOML, and not registered here" if id in formulas else "registered, in no TOML")
    for id, one in references.items():
        if formulas[id].wrt and one.backward is None:
            yield f"{id!r} has no VJP, and is differentiated by {', '.join(formulas[id].wrt)}"
