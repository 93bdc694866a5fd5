"""Synthetic runs: lines with all that a test does not care about filled in, and what a reader sees of them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import pytest

from nnparity.reports import merge, render
from nnparity.reports.causes.classes import supposed
from nnparity.reports.records import Environment, FormulaLine, Line, TargetLine, Verdict, encode
from nnparity.reports.render.packed import inflated

MakeVerdict: TypeAlias = Callable[..., Verdict]
Write: TypeAlias = Callable[..., Path]


class Report(NamedTuple):
    """What `render` wrote; the page with all that is unpacked on demand."""

    markdown: str
    html: str


PACKED = r'<script type="application/octet-stream"( id="rows")?>([^<]+)</script>'
#: What is no markup when it is unpacked.
DATA = r'<script type="application/octet-stream" id="{}">([^<]*)</script>'


def unpacked(html: str) -> str:
    """A page in which all markup that lies compressed in it stands unpacked, as after opening it."""
    return re.sub(PACKED, lambda found: inflated(found[2]), html)


def data_of(html: str, name: str = "data") -> Any:
    """What the script of a page knows: the cells, or under "scripts" those that reproduce."""
    found = re.findall(DATA.format(name), html)
    told = json.loads(inflated(found[0])) if found and found[0] else None
    if name == "scripts" and told:
        paragraphs, rows = told
        return ["\n\n".join(paragraphs[one] for one in row) for row in rows]
    return told


def _environment(**changes: Any) -> Environment:
    plain: dict[str, Any] = {
        "started": "2025-01-01T00:00:00+00:00",
        "nnparity": "0.1",
        "python": "3.12",
        "platform": "Linux",
        "cpu": "a processor",
        "cores": 2,
        "packages": {"torch": "2.9"},
        "spec_digest": "cafe",
        "seeds": "philox",
        "salt": "",
        "plan": {"dtypes": ["float32"]},
    }
    return Environment(**plain | changes)


def _formula(name: str = "conv2d", **changes: Any) -> FormulaLine:
    plain: dict[str, Any] = {
        "section": "3.2.4",
        "title": {"en": "Convolution", "zh": "卷积"},
        "latex": r"y = \sum_{p=1}^{P} x w",
        "inputs": {"x": "n c h w"},
        "outputs": {"output": "n o"},
    }
    return FormulaLine(id=name, **plain | changes)


def _target(name: str = "torch:cpu:eager", **changes: Any) -> TargetLine:
    plain: dict[str, Any] = {"available": True, "versions": {"torch": "2.9"}}
    return TargetLine(target=name, **plain | changes)


def _verdict(grade: str = "conforms", **changes: Any) -> Verdict:
    plain: dict[str, Any] = {
        "formula": "conv2d",
        "signature": "n2c3",
        "dataset": "normal",
        "dtype": "float32",
        "target": "torch:cpu:eager",
        "quantity": "output",
    } | changes
    case = "/".join(plain[part] for part in ("formula", "signature", "dataset", "dtype"))
    return Verdict(grade=grade, **{"case": case} | plain)


@pytest.fixture
def environment() -> Callable[..., Environment]:
    """An environment line, with changes."""
    return _environment


@pytest.fixture
def formula() -> Callable[..., FormulaLine]:
    """A formula line by its id, with changes."""
    return _formula


@pytest.fixture
def target() -> Callable[..., TargetLine]:
    """A target line by its name, with changes."""
    return _target


@pytest.fixture
def verdict() -> MakeVerdict:
    """A verdict by its grade, with changes."""
    return _verdict


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write lines to a run file of some name."""

    def write(*lines: Line, name: str = "run.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join(map(encode, lines)))
        return path

    return write


@pytest.fixture
def report(tmp_path: Path, write: Write) -> Callable[..., Report]:
    """Render lines as a reader of the files would see them."""

    def report(*lines: Line, **options: Any) -> Report:
        markdown, html, *_ = render(merge([write(*lines)]), tmp_path / "out", **options)
        return Report(markdown.read_text("utf-8"), unpacked(html.read_text("utf-8")))

    return report


def alike(verdict: dict[str, Any]) -> tuple[Any, ...]:
    """What makes one new cause of a verdict's plain fields, by another way than the report's."""
    said, grade = verdict["diagnosis"], verdict["grade"]
    told = SimpleNamespace(grade=grade, dataset=verdict["dataset"], narrower=False)
    words = (verdict["message"] or "").split("asked once more")[0]
    raised = words.split(":")[0] if grade == "error" else ""
    if grade == "diverges" and verdict["hard"] is None and not verdict["dataset"].startswith("rejects"):
        raised = re.split("[:;,]", words)[0]
    what: tuple[Any, ...] = (grade, supposed(told), raised)  # type: ignore[arg-type]
    if said and said.startswith("unknown: "):
        what = (re.split("[:;,]", said[9:])[0],)
    elif said:
        what = (said.removeprefix("likely: ").split("; or: ")[0],)
    bare = (re.sub(r"\b\d[-\d.,e+]*", "", one) for one in what)
    return verdict["formula"], verdict["target"].split(":")[0], *bare
