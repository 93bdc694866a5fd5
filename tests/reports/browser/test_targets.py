"""The page of a target: reached and left by keys, and its certificate printed, on one sheet and alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from nnparity.tests.reports.browser.conftest import Opened

Open = Callable[..., Opened]


def test_a_target_is_opened_by_keys_and_left_for_the_matrix(opened: Open) -> None:
    page = opened()
    page.tab.focus("nav a[href='#targets']")
    page.press("Enter")
    page.tab.wait_for_function("document.activeElement.id === 'targets'")
    page.press("Tab")
    assert page.ask("document.activeElement.closest('.target summary') !== null")
    page.press("Enter")
    page.tab.wait_for_selector(".target[open] .scores")
    assert page.ask("document.querySelector('.target[open] .unpacked').offsetHeight") < 10 * page.ask("innerHeight")
    page.press("Tab")
    assert page.ask("document.activeElement.className") == "print"
    page.press("Tab", "Enter")
    page.tab.wait_for_function("document.activeElement.matches('.board td')")
    page.tab.go_back()
    page.tab.wait_for_function("document.activeElement.id === 'targets'")
    assert page.complaints == []


def test_the_head_of_a_column_leads_to_its_target(opened: Open) -> None:
    page = opened()
    page.tab.click(".board thead a >> nth=1")
    page.tab.wait_for_selector("[data-part='target-1'][open] .scores")
    assert page.ask("document.activeElement.closest('[data-part]').dataset.part") == "target-1"


@pytest.mark.parametrize(("state", "scheme"), [("", "light"), ("#?lang=zh&theme=dark", "dark")])
def test_the_certificate_is_printed_alone_on_one_sheet(opened: Open, state: str, scheme: str) -> None:
    page = opened(state=state, color_scheme=scheme)
    page.ask("window.print = () => { window.printed = document.querySelector('#sheet').textContent; }")
    page.tab.click(".target > summary")
    page.tab.click(".target[open] .print")
    told = page.ask("window.printed")
    name = page.tab.inner_text(".target[open] h3")
    assert all(one in told for one in (name, "core float32", "spec digest", "nnparity verify parity.jsonl"))
    page.tab.emulate_media(media="print", color_scheme=scheme)
    seen = "[...document.body.children].filter(one => one.checkVisibility()).map(one => one.id)"
    assert page.ask(seen) == ["sheet"]
    ink = page.ask("getComputedStyle(document.querySelector('#sheet dd')).color")
    assert ink == "rgb(0, 0, 0)", "black on white, of a dark page too"
    assert sheets(page.tab.pdf(prefer_css_page_size=True)) == 1
    page.tab.wait_for_function("document.querySelector('#sheet').children.length === 0")  # it has been printed
    assert len(page.ask(seen)) > 1


def sheets(pdf: bytes) -> int:
    """How many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_more_than_a_sheet_is_counted(browser: Any) -> None:
    page = browser.new_page()
    page.set_content("<p style='break-after: page'>one</p><p>two</p>")
    assert sheets(page.pdf()) == 2
    page.close()
