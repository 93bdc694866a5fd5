"""LaTeX to MathML, which browsers draw by themselves: no script, no font, no network."""

import html
import re
from functools import lru_cache
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from markupsafe import Markup, escape

#: What LaTeX may ask for that is no formula: links, styles and classes of the page. A run file may be anybody's.
_FOREIGN = ("href", "style", "class")


@lru_cache(maxsize=1024)
def mathml(latex: str, display: str = "block") -> Markup:
    """A `math` element, safe to stand in a page; the LaTeX itself as code when it cannot be converted.

    latex2mathml's own `convert` does not escape what it writes (`<` stays `<`), so the tree is
    taken from it and written here.
    """
    try:
        tree = convert_to_element(_lines(latex), display=display)
    except Exception:  # noqa: BLE001 - latex2mathml raises whatever its parser meets: IndexError, StopIteration, its own
        return Markup('<code class="latex">{}</code>').format(escape(latex))
    for element in tree.iter():
        _tidy(element)
    tree.attrib.pop("xmlns", None)  # HTML knows what math is
    tree.set("alttext", latex)
    return Markup(ElementTree.tostring(tree, encoding="unicode"))  # noqa: S704 - tostring escapes


def _lines(latex: str) -> str:
    """The environments that latex2mathml knows: it has align*, but neither aligned nor a bare line break."""
    latex = re.sub(r"\\(begin|end)\{(?:aligned|gathered|align|gather)\*?\}", r"\\\1{align*}", latex.strip())
    return rf"\begin{{align*}}{latex}\end{{align*}}" if r"\\" in latex and r"\begin" not in latex else latex


def _tidy(element: ElementTree.Element) -> None:
    """Characters for latex2mathml's entities, and `softmax` as an identifier, not an operator with wide spaces."""
    element.text = html.unescape(element.text) if element.text else element.text
    text = element.text or ""
    if element.tag == "mo" and len(text) > 1 and text.isalpha():
        element.tag = "mi"
    for name in ("columnspacing", *_FOREIGN):
        element.attrib.pop(name, None)
