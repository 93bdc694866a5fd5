"""A page of a run in which everything happens, and a browser to open it in."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnparity.reports import merge, render
from nnparity.reports.records import Fact, ScriptLine
from nnparity.reports.statistics import fails
from nnparity.tests.reports.causes.conftest import DTYPES, TARGETS, lines, path

__all__ = ["lines", "path"]

#: A page that is tested instead.
GIVEN = "NNPARITY_PAGE"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: The text of a script, and why another has none.
SCRIPT = 'import sys\n\nprint("disagrees: <b>&amp;</b> é")\nsys.exit(1)\n'
WHY = "it asks more than one call"
UNSCRIPTED = "record-3"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def html(path: Path, tmp_path: Path, verdict: Any) -> Path:
    """The page: of a run drawn at random, with scripts, facts and a baseline; or the one that is given."""
    if GIVEN in os.environ:
        return Path(os.environ[GIVEN])
    run = merge([path])
    for one in filter(fails, run.verdicts):
        text, why = (
            ("", WHY) if one.known == UNSCRIPTED else (f"{SCRIPT}# {one.case} {one.quantity} {one.target}\n", "")
        )
        run.add_script(ScriptLine(one.case, one.target, one.quantity, text, why))
    run.facts += [Fact("determinism", f"formula_{n}", TARGETS[0], "again: the same bits") for n in range(3)]
    run.facts += [Fact("precision model", "formula_1", f"{TARGETS[0]} {DTYPES[2]}", "accumulate-wide; 1 of 4")]
    run.seals = {"parity.jsonl": "53bb1fb773a6"}
    before = merge([path])
    before.verdicts = [verdict("conforms", formula=one.formula, signature=one.signature) for one in run.verdicts[:90]]
    return next(one for one in render(run, tmp_path / "out", baseline=before) if one.suffix == ".html")


class Opened:
    """The page in a tab, with what it complained of and what it asked the network for."""

    def __init__(self, context: Any, address: str) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.tab = context.new_page()
        self.tab.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", lambda asked: self.requests.append(asked.url))
        self.tab.goto(address)

    def ready(self) -> "Opened":
        """Waits for the script to have done its part."""
        self.tab.wait_for_selector("html[data-ready]", state="attached")
        return self

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self.tab.evaluate(expression)

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            self.tab.keyboard.press(key)


@pytest.fixture
def opened(browser: Any, html: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the page: so wide, in this scheme, with what its address says behind the sharp."""
    contexts = []

    def opened(wide: int = 1440, state: str = "", script: bool = True, **options: Any) -> Opened:
        high = 900 if wide > 1000 else 844
        context = browser.new_context(viewport={"width": wide, "height": high}, java_script_enabled=script, **options)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = Opened(context, f"{html.as_uri()}{state}")
        return page.ready() if script else page

    yield opened
    for context in contexts:
        context.close()
