"""What a reader does with the page: filter, open a cell, follow it to its cause and back, copy, switch, print."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nnparity.tests.reports.browser.conftest import Opened
from nnparity.tests.reports.conftest import data_of

Open = Callable[..., Opened]
#: Screens that a part may be long before it is opened, and milliseconds until the page is there.
SCREENS, SOON = 10, 2_000
FOCUS = "document.activeElement.id || document.activeElement.textContent"


def test_it_opens_soon_and_asks_for_nothing(opened: Open, html: Path) -> None:
    page = opened()
    assert page.complaints == []
    assert page.requests == [html.as_uri()]
    timing = page.ask("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < timing < SOON


@pytest.mark.parametrize("wide", [1440, 390])
def test_no_part_is_long_before_it_is_opened_and_nothing_sticks_out(opened: Open, wide: int) -> None:
    page = opened(wide)
    high = page.ask("innerHeight")
    parts = page.ask(
        "Object.fromEntries([...document.querySelectorAll('section, .packed')].map(one =>"
        " [one.getAttribute('aria-labelledby') ?? one.dataset.part, one.offsetHeight]))"
    )
    assert {name: size for name, size in parts.items() if size > SCREENS * high} == {}
    assert page.ask("document.documentElement.scrollWidth") <= wide
    page.ask("for (const one of document.querySelectorAll('.group, .cause, .packed')) one.open = true")
    page.tab.wait_for_function("[...document.querySelectorAll('.unpacked')].every(one => one.children.length)")
    page.ask("for (const one of document.querySelectorAll('.unpacked details')) one.open = true")
    assert page.ask("document.documentElement.scrollWidth") <= wide
    sticking = (
        "[...document.querySelectorAll('.packed *')].filter(one => one.checkVisibility()"
        " && !one.closest('.scroll, .math, figure') && one.getBoundingClientRect().right > innerWidth)"
        ".map(one => one.outerHTML.slice(0, 120))"
    )
    assert page.ask(sticking) == []


def test_filters_leave_what_fits_and_stand_in_the_address(opened: Open) -> None:
    page = opened()
    shown = "[...document.querySelectorAll('.board td')].filter(c => c.checkVisibility() && !c.matches('.out')).length"
    every = page.ask(shown)
    page.tab.select_option("#f-class", "wrong result")
    few = page.ask(shown)
    assert 0 < few < every
    assert page.ask("location.hash") == "#?class=wrong+result"
    again = opened(state=page.ask("location.hash"))
    assert again.ask(shown) == few
    page.tab.click(".filters button[type=reset]")
    page.tab.wait_for_function(f"({shown}) === {every}")


@pytest.mark.parametrize("by", ["code", "span"])
def test_a_section_is_found_in_matrix_and_causes_as_an_id_is(opened: Open, by: str) -> None:
    page = opened()
    word = page.ask(f"document.querySelector('tr.f:has(td a) th {by}:not(:empty)').textContent")
    page.tab.fill("#f-find", word)
    found = page.ask(
        "[[...document.querySelectorAll('tr.f')].filter(one => !one.hidden).length,"
        " [...document.querySelectorAll('.group:not([hidden]) .cause:not([hidden])')].length]"
    )
    assert 0 not in found, word


def test_a_cell_is_opened_by_keys_and_leads_to_its_cause_and_back(opened: Open) -> None:
    page = opened()
    cell = page.ask("document.querySelector('.board td:has(a)').id")
    page.ask("document.querySelector('.board td[tabindex=\"0\"]').focus()")
    row = page.ask(f"[...document.querySelectorAll('tr.f')].indexOf(document.getElementById('{cell}').parentElement)")
    column = page.ask(f"document.getElementById('{cell}').cellIndex") - 1
    page.press("Control+Home", *["ArrowDown"] * row, *["ArrowRight"] * column)
    assert page.ask(FOCUS) == cell
    page.press("Enter")
    assert page.ask("document.querySelector('#panel').open")
    page.press("Escape")
    assert page.ask(FOCUS) == cell
    page.press("Enter")
    page.tab.focus("#panel .item a")
    page.press("Enter")
    page.tab.wait_for_selector(".cause[open] tr.lit")
    assert page.ask("document.activeElement.closest('tr.lit a') !== null")
    page.press("Enter")  # the row's link leads back
    page.tab.wait_for_function(f"document.activeElement.id === '{cell}'")
    assert page.complaints == []


def test_every_failing_cell_tells_reason_class_and_reproduction_in_two_clicks(opened: Open, html: Path) -> None:
    page = opened()
    walked = page.ask("""async () => {
      const found = {};
      for (const cell of document.querySelectorAll('.board td:has(a)')) {
        cell.click();
        const panel = document.querySelector('#panel');
        found[cell.id] = [...panel.querySelectorAll('.item')].map(item => {
          const card = document.getElementById(item.querySelector('a').getAttribute('href').slice(1)).closest('.cause');
          const [head, reason] = item.querySelectorAll('p');
          const script = item.querySelector('.script');
          return panel.open && Boolean(head.querySelector('b').textContent && reason.textContent.trim())
            && /^nnparity (reproduce|run) /.test(item.querySelector('.cmd').textContent) && Boolean(card)
            && Boolean(script.querySelector('.copy') || script.textContent.trim());
        });
        panel.close();
        await new Promise(done => setTimeout(done));
      }
      return found;
    }""")
    cells = data_of(html.read_text("utf-8"))["cells"]
    failing = {id for id, figures in cells.items() if any(one and one[3] for one in figures)}
    assert set(walked) == failing
    assert failing
    assert all(items and all(items) for items in walked.values())


def test_command_and_script_are_copied_as_they_are(opened: Open, html: Path) -> None:
    page = opened()
    data = data_of(html.read_text("utf-8"))
    scripts = data_of(html.read_text("utf-8"), "scripts")
    card, (place, name, _) = max(data["scripts"].items(), key=lambda item: item[1][0])
    assert len(set(scripts)) == len(scripts) > 1
    page.ask(f"for (let one = document.getElementById('{card}'); one; one = one.parentElement) one.open = true")
    for button, expected in ((".cmd + .copy", "nnparity reproduce "), (".script .copy", scripts[place])):
        page.tab.click(f"#{card} dl {button}")
        page.tab.wait_for_function(f"document.querySelector('#{card} dl {button}').textContent === '✓'")
        told = page.ask("navigator.clipboard.readText()")
        assert told.startswith(expected) if button.startswith(".cmd") else told == expected
    assert page.tab.inner_text(f"#{card} dl .script small") == name
    cell = page.ask(f"document.querySelector('#{card} tr').id.split('--').at(-1)")
    page.ask(f"document.getElementById('{cell}').click()")
    page.tab.click("#panel .item .script .copy")
    page.tab.wait_for_function("document.querySelector('#panel .item .script .copy').textContent === '✓'")
    assert page.ask("navigator.clipboard.readText()") == scripts[of_the_panel(page, data)]


def of_the_panel(page: Opened, data: dict[str, dict[str, list[int]]]) -> int:
    """The number of the first script in the panel, by the card that its item leads to."""
    row = page.ask("document.querySelector('#panel .item:has(.script .copy) a').getAttribute('href').slice(1)")
    return data["scripts"][page.ask(f"document.getElementById('{row}').closest('.cause').id")][0]


def test_a_cause_without_a_script_says_why(opened: Open, html: Path) -> None:
    page = opened()
    found = data_of(html.read_text("utf-8"))["unscripted"]
    assert found
    for card, why in found.items():
        told = page.ask(f"document.querySelector('#{card} dl .script').textContent")
        assert why in told if why else "the command prints it" in told
        assert "copy" not in told


def test_language_and_theme_are_switched_and_kept_in_the_address(opened: Open) -> None:
    page = opened(color_scheme="light")
    paper = page.ask("getComputedStyle(document.body).backgroundColor")
    page.tab.click("#language")
    page.tab.click("#theme")
    assert page.ask("[document.documentElement.lang, document.querySelector('#matrix').innerText]") == ["zh", "矩阵"]
    assert page.ask("getComputedStyle(document.body).backgroundColor") != paper
    assert page.ask("location.hash") == "#?lang=zh&theme=dark"
    english = page.ask("[...document.querySelectorAll('.en')].filter(one => one.checkVisibility()).length")
    assert english == 0


def test_answer_causes_and_matrix_are_read_without_a_script(opened: Open) -> None:
    page = opened(script=False)
    told = page.tab.inner_text("body")
    for part in ("#answer", "#causes", "#matrix"):
        assert page.tab.locator(part).count() == 1
    card = page.tab.locator(".board a[href^='#cause']").first.get_attribute("href")
    assert page.tab.locator(f"[id='{card[1:]}'] .cmd").text_content().startswith("nnparity reproduce ")
    assert re.search(r"compressed, and a script unpacks it", told)


def test_the_state_of_a_hostile_address_breaks_nothing(opened: Open) -> None:
    state = "#?class=" + json.dumps("<img src=x onerror=alert(1)>") + "&cell=no-such&at=%3Cb%3E&lang=xx"
    page = opened(state=state)
    assert page.complaints == []
    assert page.tab.locator("img").count() == 0
