"""What an adapter says is text in every form: markup, bars, terminal codes, marks that turn the direction, 100 kB."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from nnparity.command_line.running.outcome import Outcome
from nnparity.command_line.running.terminal_summary import show
from nnparity.reports import MergedRun, merge, render
from nnparity.reports.differences import compare
from nnparity.reports.differences_told import COLUMNS, FORMATS
from nnparity.reports.formatting import visible
from nnparity.reports.records import Fact, KnownLine, ScriptLine, TargetLine
from nnparity.reports.render.summary import MOST
from nnparity.run.counts import TotalCounts
from nnparity.tests.reports.conftest import data_of, unpacked

ANSI, TURNED, BELL, HIDDEN = "\x1b[31m", "\u202e", "\x07", "\u200b\uffff\ufffe"
EVIL = f"<script>alert(1)</script>|`*{ANSI}red{TURNED}turned{BELL}{HIDDEN}[x](javascript:1)\r"
LONG = (EVIL + "</script><img src=x onerror=alert(1)>") * 1_200
#: What no form may hold as it is.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@pytest.fixture
def run(verdict: Any, formula: Any, environment: Any, write: Any) -> MergedRun:
    assert len(LONG) > 100_000
    names = {"formula": EVIL, "target": f"{EVIL}:cpu:eager", "dtype": EVIL, "quantity": EVIL, "dataset": EVIL}
    lines = [
        environment(cpu=EVIL, salt=EVIL, plan={"targets": [EVIL]}),
        formula(EVIL, chapter=EVIL, section=EVIL, latex=EVIL),
        TargetLine(f"{EVIL}:cpu:eager", True, versions={EVIL: EVIL}, unsupported={"x": LONG}),
        TargetLine(f"{EVIL}:cuda:eager", False, reason=LONG),
        verdict("diverges", message=LONG, diagnosis=EVIL, signature="n1", **names),
        verdict("error", message=LONG, signature="n2", **names),
        verdict("diverges", known=EVIL, message=LONG, signature="n3", **names),
        verdict("unsupported", message=LONG, signature="n4", **names),
        KnownLine(EVIL, EVIL, LONG, f"javascript:{EVIL}", {EVIL: EVIL}),
        Fact(EVIL, EVIL, EVIL, LONG),
        Fact("properties", EVIL, f"{EVIL}:cpu:eager", EVIL),
        ScriptLine(f"{EVIL}/n1/{EVIL}/{EVIL}", f"{EVIL}:cpu:eager", EVIL, text=EVIL),
        ScriptLine(f"{EVIL}/n2/{EVIL}/{EVIL}", f"{EVIL}:cpu:eager", EVIL, why=LONG),
    ]
    return merge([write(*lines)])


@pytest.fixture
def files(run: MergedRun, tmp_path: Path) -> dict[str, str]:
    before = MergedRun(run.environments, verdicts=[], targets=run.targets)
    written = [path for path in render(run, tmp_path / "out", baseline=before) if path.suffix != ".parquet"]
    return {path.name: path.read_bytes().decode("utf-8") for path in written}


class Opened(HTMLParser):
    """The elements of a page, and what their links lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_the_markdown_of_what_changed_shows_it_as_text(run: MergedRun) -> None:
    told = FORMATS["markdown"](compare(MergedRun(), run))
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)[|]", row)) for row in rows} == {len(COLUMNS) + 1}
    assert re.findall(r"<|(?<![\\])[`*]|\](?=\()", told) == []
    assert RAW.findall(told) == []


def test_no_form_holds_a_character_that_is_not_seen(files: dict[str, str]) -> None:
    assert set(files) == {"parity.md", "parity.html", "summary.md", "junit.xml", "badge.svg", "badge.json"}
    for name, text in files.items():
        assert RAW.findall(unpacked(text)) == [], name
        if not name.startswith("badge"):
            assert "\\u202e" in text, f"{name} shows that it was there"


def test_the_page_has_no_element_link_or_handler_of_theirs(files: dict[str, str]) -> None:
    page = Opened(unpacked(files["parity.html"]))
    assert page.names.count("script") == 3, "ours, its data, and the scripts that reproduce"
    assert "img" not in page.names
    assert page.handlers == []
    assert all(link.startswith(("#", "data:,")) for link in page.links), page.links
    told = json.dumps(data_of(files["parity.html"])) + "".join(data_of(files["parity.html"], "scripts"))
    assert RAW.findall(told) == []
    assert "\\u202e" in told


def test_markdown_shows_it_as_text(files: dict[str, str]) -> None:
    for name in ("parity.md", "summary.md"):
        markdown = re.sub(r"^```math\n.*?^```$", "", files[name], flags=re.MULTILINE | re.DOTALL)
        assert set(re.findall(r"<(?!/)\w+", markdown)) <= {"<a"}, name
        assert "](javascript" not in markdown
        for table in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
            widths = {len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(widths) == 1, name


def test_the_summary_stays_small(files: dict[str, str]) -> None:
    assert len(files["summary.md"].encode()) <= MOST


def test_the_xml_is_xml(files: dict[str, str]) -> None:
    suite = ET.fromstring(files["junit.xml"])[0]
    assert suite.get("name") == visible(f"{EVIL}:cpu:eager")
    assert len(files["junit.xml"]) < 100_000


def test_the_terminal_shows_it_as_text(run: MergedRun) -> None:
    text = io.StringIO()
    total = TotalCounts()
    for verdict in run.verdicts:
        total.counts.add(verdict)
    show(total, run, Console(file=text, width=160, force_terminal=True, color_system=None))
    told = text.getvalue() + Outcome.of(total, run, interrupted=False).told
    assert RAW.findall(text.getvalue()) == []
    assert "\\u001b[31m" in told
    assert len(told) < 20_000


def test_what_is_visible_stays() -> None:
    assert visible("变体 <b>\n|\té") == "变体 <b>\n|\té"
    assert visible(ANSI + TURNED) == "\\u001b[31m\\u202e"
