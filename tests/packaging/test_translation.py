"""The two READMEs say the same: neither is forgotten when the other is changed.

A machine cannot compare the sentences. It compares all that is the same in every language: the shape of the document,
its commands, what is written as code, where links lead, and figures.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))
#: Both of them lead to the other, and show the report in their language.
EACH_OTHER = {"README.md", "README.zh.md", "docs/report.webp", "docs/report.zh.webp"}


def blocks(text: str) -> list[str]:
    """Its blocks of code without the comments, which are translated."""
    found = re.findall(r"^```\w*\n.*?^```$", text, re.M | re.S)
    return [re.sub(r"[ \t]+# .*$", "", block, flags=re.M) for block in found]


def prose(text: str) -> str:
    """What stands outside of blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def headings(text: str) -> list[int]:
    """The depth of each heading, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(text), re.M)]


def coded(text: str) -> Counter[str]:
    """What is written as code within sentences and tables, and how often."""
    return Counter(re.findall(r"`([^`\n]+)`", prose(text)))


def led(text: str) -> set[str]:
    """Where links lead."""
    return set(re.findall(r"\]\(([^)\s]+)\)", prose(text))) - EACH_OTHER


def rows(text: str) -> int:
    """Rows of tables and items of lists."""
    return len(re.findall(r"^(?:\||- )", prose(text), re.M))


def figures(text: str) -> set[str]:
    """The numbers in sentences, as they are written."""
    sentences = re.sub(r"`[^`\n]+`|\]\([^)\s]+\)", "", prose(text))
    return set(re.findall(r"(?<![A-Za-z\d.])\d+(?:\.\d+)*", sentences))


WHAT = {"blocks": blocks, "headings": headings, "coded": coded, "led": led, "rows": rows, "figures": figures}


@pytest.mark.parametrize("what", WHAT)
def test_both_have_the_same(what: str) -> None:
    assert WHAT[what](CHINESE) == WHAT[what](ENGLISH)


def test_each_leads_to_the_other_in_its_first_lines() -> None:
    assert "](README.zh.md)" in "\n".join(ENGLISH.splitlines()[:4])
    assert "](README.md)" in "\n".join(CHINESE.splitlines()[:4])


def test_no_comment_is_left_in_english() -> None:
    comments = re.findall(r"[ \t]+# (.*)$", "\n".join(re.findall(r"^```.*?^```$", CHINESE, re.M | re.S)), re.M)
    assert len(comments) > 30
    assert [told for told in comments if not re.search(r"[\u4e00-\u9fff]", told)] == []


@pytest.mark.parametrize(
    ("what", "planted"),
    [
        ("blocks", ("--resume", "--again")),
        ("headings", ("### ", "## ")),
        ("coded", ("`--pool all`", "`--pool 3`")),
        ("led", ("docs/verdicts.md", "docs/design.md")),
        ("rows", ("| `numpy` |", "`numpy`")),
        ("figures", ("200-bit", "210-bit")),
    ],
)
def test_a_change_in_one_of_them_is_seen(what: str, planted: tuple[str, str]) -> None:
    changed = ENGLISH.replace(*planted)
    assert changed != ENGLISH
    assert WHAT[what](changed) != WHAT[what](CHINESE)
