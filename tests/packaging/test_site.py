"""The site has all documents, in its menu too; where MkDocs is installed it is built, and a bad link fails it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nnparity.tests.packaging.tools import ROOT, tool


class Loader(yaml.SafeLoader):
    """Reads what MkDocs does, and calls none of the functions that its settings name."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, name, node: name)
SETTINGS = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)


def pages(menu: Any) -> Iterator[str]:
    """What a menu leads to."""
    if isinstance(menu, str):
        yield menu
    else:
        for one in menu.values() if isinstance(menu, dict) else menu:
            yield from pages(one)


def test_every_document_is_laid_out_and_in_the_menu(tmp_path: Path) -> None:
    laid = {str(path.relative_to(tmp_path)) for path in tool("site_source").lay_out(tmp_path)}
    menu = list(pages(SETTINGS["nav"]))
    assert sorted(menu) == sorted(name for name in laid if name.endswith(".md"))
    assert {"README.md", "README.zh.md", "docs/design.md", "packs/README.md"} <= set(menu)


def test_what_documents_link_to_comes_along(tmp_path: Path) -> None:
    laid = {str(path.relative_to(tmp_path)) for path in tool("site_source").lay_out(tmp_path)}
    assert {"LICENSE", "action.yml"} <= laid


def test_what_is_gone_is_gone_in_the_site_too(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/old.md").write_text("# Old\n")
    tool("site_source").lay_out(tmp_path / "site")
    assert not (tmp_path / "site/old.md").exists()


def test_it_is_made_of_what_the_tool_lays_out_and_in_a_folder_that_git_does_not_keep() -> None:
    made = {SETTINGS["docs_dir"], SETTINGS["site_dir"]}
    assert {place.split("/")[0] for place in made} == {"build"}
    assert f"site_source.py {SETTINGS['docs_dir']}" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"site_source.py {SETTINGS['docs_dir']}" in (ROOT / "tox.ini").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("planted", "told"),
    [("", ""), ("[a](nosuch.md)", "nosuch.md"), ("[a](design.md#nosuch)", "'#nosuch'"), ("[a](/x)", "absolute link")],
)
def test_a_link_that_leads_nowhere_fails_it(planted: str, told: str, tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the extra `docs` is not installed")
    tool("site_source").lay_out(tmp_path / SETTINGS["docs_dir"])
    (tmp_path / "mkdocs.yml").write_bytes((ROOT / "mkdocs.yml").read_bytes())
    with (tmp_path / SETTINGS["docs_dir"] / "docs/verdicts.md").open("a", encoding="utf-8") as page:
        page.write(planted)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == int(bool(planted)), done.stderr
    assert told in done.stderr
