"""Our words in Chinese: each that the page says is there, and none is left over."""

import re
from importlib import resources
from pathlib import Path

from nnparity.reports.causes.classes import CLASSES, FINE, MEANINGS
from nnparity.reports.differences import SAYS
from nnparity.reports.differences_told import COLUMNS
from nnparity.reports.records import GRADES
from nnparity.reports.render import answer
from nnparity.reports.render.cards import LABELS, TABLED
from nnparity.reports.render.figures import loss_curves, ulp_curves
from nnparity.reports.render.words import both, catalogue, ending
from nnparity.reports.targets import modes
from nnparity.reports.targets.profiles import PROFILES

#: Words that no template spells out: rows of the answer's table, tables of facts.
ROWS = (
    *("verdicts", "causes on no record", "known causes", "versions", "device", "date", "nnparity", "incomplete"),
    *("not run", "unsupported", "stale records"),
)
FACTS = (
    *("Special values", "Determinism", "Layouts, against contiguous inputs", "Threads, all cores against one"),
    *("Elementary functions", "Properties", "What the verdicts would have caught", "Precision model"),
    *("The primer, entry by entry", "Mutation score", "Faults that survived", "Noise that is caught, in units of u"),
)


def said() -> set[str]:
    """The words of the templates, and those that come from Python."""
    root = resources.files("nnparity.reports") / "templates"
    texts = [path.read_text("utf-8") for path in root.iterdir() if path.name.endswith(".j2")]
    found = {word for text in texts for word in re.findall(r'\bt\("([^"]+)"[,)]', text)}
    package = Path(answer.__file__).parents[1]
    sources = [package / name for name in ("render/answer.py", "causes/answer.py")]
    code = "".join(path.read_text("utf-8") for path in sources)
    found |= set(re.findall(r'(?:say\(|yield |", )"([^"]*\{\w+\}[^"]*|the pool [^"]+)"', code))
    found |= set(re.findall(r'say\("([^"{]+)"\)', code))
    return found | {
        *GRADES,
        *ROWS,
        *FACTS,
        *LABELS,
        *TABLED,
        *(loss_curves.SHOWN, ulp_curves.OVER),
        *(Path(file.name).stem for file in (resources.files("nnparity.spec") / "formulas").iterdir()),
        *CLASSES,
        *FINE,
        *MEANINGS.values(),
        *PROFILES,
        modes.ABOUT,
        *modes.KINDS.values(),
        *SAYS.values(),
        *COLUMNS,
    }


def test_every_word_has_a_translation_and_every_translation_a_word() -> None:
    assert said() == set(catalogue())


def test_each_is_written_in_chinese() -> None:
    same = {english for english, chinese in catalogue().items() if not re.search("[\u4e00-\u9fff]", chinese)}
    assert same == {"nnparity", "transformer"}


def test_words_at_the_end_of_a_text_are_translated() -> None:
    told = ending(f"<gelu>: {ulp_curves.OVER}")
    assert told.startswith('&lt;gelu&gt;: <span class="en">the largest error')
    assert ending("no words of <ours>") == "no words of &lt;ours&gt;"


def test_both_stand_in_the_page_and_an_unknown_word_once() -> None:
    assert both("Causes") == '<span class="en">Causes</span><span class="zh" lang="zh">原因</span>'
    assert both("no such <word>") == "no such &lt;word&gt;"
