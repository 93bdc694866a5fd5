"""Our words in Chinese: a page holds both, and shows one of them."""

import tomllib
from collections.abc import Callable
from functools import lru_cache
from importlib import resources

from markupsafe import Markup, escape

from nnparity.reports.formatting import visible

#: The language that the words are written in here, and the other one.
ENGLISH, CHINESE = "en", "zh"


@lru_cache(maxsize=1)
def catalogue() -> dict[str, str]:
    """English -> Chinese."""
    text = resources.files("nnparity.reports").joinpath("templates/zh.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text))


def both(english: str, **values: object) -> Markup:
    """The words in both languages. `{name}` in them is a value; what has no translation stays English."""
    chinese = catalogue().get(english)
    if chinese is None:
        return escape(visible(_filled(english, values)))
    return Markup('<span class="en">{}</span><span class="zh" lang="zh">{}</span>').format(
        _filled(english, values), _filled(chinese, values)
    )


def ending(text: str) -> Markup:
    """A text that ends with words of ours, these in both languages."""
    found = max((words for words in catalogue() if text.endswith(words)), key=len, default=text)
    return escape(visible(text.removesuffix(found))) + both(found)


def sayer(language: str) -> Callable[..., str]:
    """What puts our words into a language: names of what was measured stay as they are."""

    def say(english: str, **values: object) -> str:
        return _filled(catalogue().get(english, english) if language == CHINESE else english, values)

    return say


def _filled(text: str, values: dict[str, object]) -> str:
    return text.format(**values) if values else text
