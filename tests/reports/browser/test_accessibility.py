"""No violation of WCAG 2.2 AA that axe-core finds: wide and narrow, light and dark, in both languages."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from nnparity.tests.reports.browser.conftest import Opened

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def violations(page: Opened, part: str = "") -> list[Any]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    if not page.ask("'axe' in window"):
        page.ask(axe.axe_script)
    found = page.ask(f"axe.run({json.dumps(part) if part else 'document'}, {json.dumps(RULES)})")
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


@pytest.mark.timeout(1_800)  # axe-core measures the contrast of every cell of every table
def test_nor_when_all_is_unpacked(opened: Callable[..., Opened]) -> None:
    page = opened()
    for part in page.ask("[...document.querySelectorAll('.packed')].map(one => one.dataset.part)"):
        page.ask(f"document.querySelector(`[data-part='{part}']`).open = true")
        page.tab.wait_for_function(f"document.querySelector(`[data-part='{part}'] .unpacked`).children.length > 0")
        page.ask(
            f"document.querySelectorAll(`[data-part='{part}'] details`).forEach((one, n) => {{ one.open = n < 2; }})"
        )
        assert violations(page, f"[data-part='{part}']") == [], part
        page.ask(f"document.querySelector(`[data-part='{part}']`).open = false")


def test_a_violation_is_found(opened: Callable[..., Opened]) -> None:
    page = opened()
    page.ask("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')")
    assert [name for name, _ in violations(page)] == ["button-name"]
