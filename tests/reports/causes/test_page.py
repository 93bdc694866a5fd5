"""The page by cause: every failing cell leads to class, reason and command, and back; nothing is fetched."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import merge, render
from nnparity.reports.records import decode
from nnparity.tests.reports.conftest import alike, data_of, unpacked

VOID = {"meta", "link", "br", "wbr", "input", "hr", "img"}
PASSING = {"conforms", "inconclusive", "unsupported"}


class Node:
    """An element of a page."""

    def __init__(self, name: str, attributes: dict[str, str | None], parent: "Node | None") -> None:
        self.name, self.attributes, self.parent = name, attributes, parent
        self.children: list[Node | str] = []

    def all(self) -> "Iterator[Node]":
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.all()

    def having(self, name: str, css: str = "") -> "list[Node]":
        return [one for one in self.all() if one.name == name and (not css or one.has(css))]

    def has(self, css: str) -> bool:
        return css in (self.attributes.get("class") or "").split()

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def within(self, name: str, css: str) -> "Node":
        one: Node | None = self
        while one is not None and not (one.name == name and one.has(css)):
            one = one.parent
        assert one is not None
        return one


class Tree(HTMLParser):
    """A page as a tree."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = self.at = Node("", {}, None)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs), self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_endtag(self, tag: str) -> None:
        assert self.at.name == tag
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


@pytest.fixture
def html(path: Path, tmp_path: Path) -> str:
    return render(merge([path]), tmp_path / "out")[1].read_text("utf-8")


def failing(path: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Formula and target -> what fails there, from plain JSON."""
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    verdicts = {(v["case"], v["target"], v["quantity"]): v for v in lines if v["kind"] == "verdict"}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for verdict in verdicts.values():
        if verdict["grade"] not in PASSING:
            found.setdefault((verdict["formula"], verdict["target"]), []).append(verdict)
    return found


def test_every_failing_cell_leads_to_class_reason_and_command_and_back(path: Path, html: str) -> None:
    root = Tree(unpacked(html)).root
    by_id = {one.attributes["id"]: one for one in root.all() if "id" in one.attributes}
    (board,) = root.having("table", "board")
    targets = [head.text for head in board.having("thead")[0].having("th")[1:]]
    walked = set()
    for line in board.having("tr", "f"):
        for target, cell in zip(targets, line.having("td"), strict=True):
            for link in cell.having("a"):
                place = (line.having("code")[0].text, target)
                _leads(root, by_id, cell, link, failing(path)[place])
                walked.add(place)
    assert walked == set(failing(path))


def _leads(root: Node, by_id: dict[Any, Node], cell: Node, link: Node, verdicts: list[dict[str, Any]]) -> None:
    card = by_id[(link.attributes["href"] or "")[1:]]
    (table,) = (one for one in root.having("table") if one.attributes.get("data-cause") == card.attributes["id"])
    (row,) = (one for one in table.having("tr") if (one.attributes["id"] or "").endswith(f"--{cell.attributes['id']}"))
    assert f"#{cell.attributes['id']}" in [back.attributes["href"] for back in row.having("a")], "there is a way back"
    assert card.within("details", "group").attributes["data-kind"]
    assert card.having("dd", "reason")[0].text.strip()
    commands = [code.text for code in (row.having("code", "cmd") or card.having("code", "cmd")[:1])]
    cases = [(v["case"], v["target"], v["quantity"]) for v in verdicts]
    assert any(case in commands[0] and commands[0].endswith(f" {on} {what}") for case, on, what in cases)


def test_every_cause_of_a_cell_has_a_row_for_it(path: Path, html: str) -> None:
    rows = Tree(unpacked(html)).root.having("tr")
    ends = [(one.attributes.get("id") or "").rpartition("--")[2] for one in rows]
    for verdicts in failing(path).values():
        ids = {v["known"] or alike(v) for v in verdicts}
        place = verdicts[0]["formula"], verdicts[0]["target"]
        assert ends.count(_cell(html, *place)) == len(ids), place


def _cell(html: str, formula: str, target: str) -> str:
    data = data_of(html)
    return f"m{data['formulas'].index(formula)}-{data['targets'].index(target)}"


def test_what_is_read_without_a_script_is_not_packed(html: str) -> None:
    plain = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    for said in ("why record-0 differs", 'class="board"', "nnparity reproduce ", "new divergences: "):
        assert said in plain, said
    assert len(unpacked(html)) > len(html)
    assert "Margins of" not in html, "what is long is packed"
    assert "Margins of" in unpacked(html)


def test_nothing_is_fetched(html: str) -> None:
    root = Tree(unpacked(html)).root
    for one in root.all():
        assert not {"src", "srcset", "poster"} & set(one.attributes), one.name
        if one.name == "link":
            assert one.attributes["href"] == "data:,"
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", html)


def test_a_cell_shows_the_worst_class_and_its_margin(report: Any, verdict: Any, write: Any) -> None:
    html = report(
        verdict("imprecise", hard=0.5, sharp=7.5, dtype="float16"),
        verdict("diverges", dataset="rejects: integers", formula="g"),
        verdict("conforms", hard=0.25, sharp=0.5, formula="h"),
    ).html
    cells = dict(re.findall(r'<td id="m(\d)-0" class="([^"]*)"', html))
    assert cells == {"0": "reduced-precision new", "1": "input-not-rejected new", "2": "conforms"}
    assert re.findall(r"<small>([^<]*)</small>(?:</a>)?</td></tr>\n", html.partition('class="board"')[2])[:3] == [
        "7.50",
        "×1",
        "0.500",
    ]


def test_the_lines_of_the_random_run_are_valid(path: Path) -> None:
    assert all(decode(line) for line in path.read_bytes().splitlines())
