"""No violation of WCAG 2.2 AA that axe-core finds: wide and narrow, light and dark, in both languages."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from nnparity.tests.reports.browser.conftest import Opened

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


#: Elements of a part that are looked at in one go, more or less.
PIECE = 2_000
#: What is opened in a part is looked at in pieces: axe-core reads the whole document each time, and 80,000 elements of
#: a part in one document took it longer than anybody waits. Pieces that are not looked at are taken out meanwhile.
BY_PIECES = """async ([name, rules, most]) => {
  const part = document.querySelector(`[data-part='${name}']`), place = part.querySelector('.unpacked');
  const told = { runs: 0, passes: 0, violations: [] };
  const look = async () => {
    for (const one of place.querySelectorAll('details')) one.open = true;
    const found = await axe.run(part, rules);
    told.runs += 1;
    told.passes += found.passes.length;
    for (const one of found.violations) {
      told.violations.push([one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 120))]);
    }
  };
  const pieces = [...place.querySelectorAll('details')].filter(one => !one.parentElement.closest('.unpacked details'));
  const marks = pieces.map(one => { const mark = document.createComment(''); one.replaceWith(mark); return mark; });
  await look();
  for (let at = 0; at < pieces.length;) {
    const now = [];
    for (let size = 0; at < pieces.length && size < most; at += 1) {
      size += 1 + pieces[at].querySelectorAll('*').length;
      now.push(at);
    }
    for (const one of now) marks[one].replaceWith(pieces[one]);
    await look();
    for (const one of now) pieces[one].replaceWith(marks[one]);
  }
  place.replaceChildren();
  part.open = false;
  return told;
}"""


def axe_script() -> str:
    script: str = pytest.importorskip("axe_playwright_python.sync_playwright").Axe().axe_script
    return script


def violations(page: Opened) -> list[Any]:
    if not page.ask("'axe' in window"):
        page.ask(axe_script())
    found = page.ask(f"axe.run(document, {json.dumps(RULES)})")
    assert found["passes"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found["violations"]]


@pytest.mark.parametrize(
    ("wide", "scheme", "language"),
    [(1440, "light", "en"), (1440, "dark", "zh"), (390, "dark", "en"), (390, "light", "zh")],
)
def test_nothing_is_out_of_reach(opened: Callable[..., Opened], wide: int, scheme: str, language: str) -> None:
    page = opened(wide, f"#?lang={language}", color_scheme=scheme)
    assert violations(page) == []
    page.ask("document.querySelector('.board td:has(a)').click()")
    assert violations(page) == []
    page.press("Escape")
    page.ask("document.querySelectorAll('.group, .cause:nth-of-type(5n)').forEach(one => { one.open = true; })")
    assert violations(page) == []


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("wide", "scheme", "language"), [(1440, "light", "en"), (390, "dark", "zh")])
def test_nor_when_all_is_unpacked(opened: Callable[..., Opened], wide: int, scheme: str, language: str) -> None:
    page = opened(wide, f"#?lang={language}", color_scheme=scheme)
    page.ask(axe_script())
    parts = page.ask("[...document.querySelectorAll('.packed')].map(one => one.dataset.part)")
    page.ask("for (const one of document.querySelectorAll('section')) if (!one.querySelector('.packed')) one.remove()")
    for part in parts:
        unpack(page, part)
        found = page.ask(f"({BY_PIECES})({json.dumps([part, RULES, PIECE])})")
        assert found["runs"] > 0
        assert found["passes"] > 0
        assert found["violations"] == [], part


def unpack(page: Opened, part: str) -> None:
    page.ask(f"document.querySelector(`[data-part='{part}']`).open = true")
    page.tab.wait_for_function(f"document.querySelector(`[data-part='{part}'] .unpacked`).children.length > 0")


def test_a_violation_in_a_piece_is_found(opened: Callable[..., Opened]) -> None:
    page = opened()
    page.ask(axe_script())
    unpack(page, "formulas")
    inside = "[...document.querySelectorAll('[data-part=formulas] .formula')].at(-1)"
    page.ask(f"{inside}.insertAdjacentHTML('beforeend', '<button></button>')")
    found = page.ask(f"({BY_PIECES})({json.dumps(['formulas', RULES, 1])})")
    assert [name for name, _ in found["violations"]] == ["button-name"]
    assert found["runs"] > 3


def test_a_violation_is_found(opened: Callable[..., Opened]) -> None:
    page = opened()
    page.ask("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')")
    assert [name for name, _ in violations(page)] == ["button-name"]
