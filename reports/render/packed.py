"""Parts of a page that lie in it compressed, and are unpacked when they are opened."""

import base64
import re
import zlib
from dataclasses import dataclass

#: Where a part of ours begins, and its heading. Texts of a run are escaped and have no such.
_SECTION = re.compile(r'(?=<section aria-labelledby=")')
_HEADING = re.compile(r'<h2 id="([^"]*)">(.*?)</h2>', re.DOTALL)


@dataclass(frozen=True)
class Packed:
    """A section: the id and the text of its heading, which stay readable, and the rest, deflated and in base64."""

    id: str
    heading: str
    data: str


def packed(html: str) -> list[Packed]:
    """The sections of some HTML, each packed by itself."""
    return [_packed(part) for part in _SECTION.split(html) if _HEADING.search(part)]


def _packed(section: str) -> Packed:
    found = _HEADING.search(section)
    assert found is not None
    rest = section[: found.start()] + section[found.end() :]
    return Packed(found[1], found[2], base64.b64encode(zlib.compress(rest.encode(), 9)).decode("ascii"))
