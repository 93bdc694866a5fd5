"""Lays out what the site is made of: all documents, and the files they link to, where they lie in the repository.

    python tools/site_source.py build/site-source

Documents link to each other across folders (`../README.md`), which must hold on hosted git sites and in the site alike;
MkDocs reads a single folder. What is there already is removed first: a document that is gone is gone in the site too.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def documents() -> list[Path]:
    """Those of the repository, for readers of the site."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "packs").glob("*.md")])


def linked(document: Path) -> set[Path]:
    """The files of the repository that a document links to."""
    places = re.findall(r"\]\(([^)\s#:]+)[)#]", document.read_text(encoding="utf-8"))
    found = {(document.parent / place).resolve() for place in places}
    return {path for path in found if path.is_file() and path.is_relative_to(ROOT)}


def lay_out(folder: Path) -> list[Path]:
    """Copies them, and returns where they lie now."""
    shutil.rmtree(folder, ignore_errors=True)
    laid = []
    for path in sorted({*documents(), *(file for document in documents() for file in linked(document))}):
        there = folder / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        laid.append(Path(shutil.copyfile(path, there)))
    return laid


if __name__ == "__main__":
    print(f"{len(lay_out(Path(sys.argv[1])))} files in {sys.argv[1]}")
