"""Scripts are kept from run to run, in the store that keeps expectations.

A script follows from the verdict that it shows, which holds what was observed and expected, from the versions of the
framework and from our code: of the same it need not be written, and shown to fail, once more.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from nnparity.reports.records import ScriptLine, Verdict
from nnparity.spec.packs import taken
from nnparity.store import memory, questions
from nnparity.store.memory import KEPT, Form, Memory

#: On what a script depends beside its verdict.
ROOMS = ("spec", "reference", "expect", "judge", "checks", "execute", "adapters", "reproduce")


def made_once(
    verdicts: Sequence[Verdict],
    salt: str,
    versions: Mapping[str, str],
    make: Callable[[], ScriptLine],
    lasting: Callable[[ScriptLine], bool],
) -> ScriptLine:
    """The script of a cause, of which these verdicts are tried in turn: the one that is kept, or the one that is made.

    One that is not `lasting` is made again the next time.
    """
    store, key = memory.used(), _key(verdicts, salt, versions)
    if store is None or key is None:
        return make()
    if found := _found(store, key):
        return found
    line = make()
    if lasting(line):
        store.count(FORM, store.keep(key, FORM, line))
    return line


def known(verdicts: Sequence[Verdict], salt: str, versions: Mapping[str, str]) -> ScriptLine | None:
    """The script that is kept of such a cause, if one is."""
    store, key = memory.used(), _key(verdicts, salt, versions)
    return _found(store, key) if store and key else None


def _found(store: Memory, key: bytes) -> ScriptLine | None:
    found: ScriptLine | None = store.found(key, FORM)
    if found is not None:
        store.count(FORM, KEPT)
    return found


def _key(verdicts: Sequence[Verdict], salt: str, versions: Mapping[str, str]) -> bytes | None:
    """None where a pack's formulas are there: their code is in no digest of ours.

    A script asks the target anew, and has nothing of the time it took nor of what was said of it: an answer in the
    place of a refusal may be of memory that nobody has written to, and has other numbers each time.
    """
    if taken():
        return None
    asked = [msgspec.structs.replace(one, seconds=0.0, message=None) for one in verdicts]
    return questions.key(ROOMS, __name__, [salt, sorted(versions.items()), msgspec.msgpack.encode(asked)])


def _load(kept: object) -> ScriptLine:
    return msgspec.convert(dict(zip(ScriptLine.__struct_fields__, kept, strict=True)) | {"kind": "script"}, ScriptLine)  # type: ignore[call-overload]


FORM = Form("scripts", lambda line: list(msgspec.structs.astuple(line)), _load)
