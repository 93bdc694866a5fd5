"""The HTML page: well-formed, complete, self-contained, and never fooled by what it shows."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from nnparity.reports.records import GRADES, Fact, Kernel, Summary, Worst

VOID = {"meta", "link", "br", "wbr", "input", "hr", "img", "mspace"}
EVIL = "<script>alert('x')</script>\"'&|`*"


class Page(HTMLParser):
    """Reads a page as a browser would and keeps what the tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes something else, line {self.getpos()[0]}"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as the base
        self.tags[tag] += 1

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


@pytest.fixture
def lines(environment: Any, formula: Any, target: Any, verdict: Any) -> list[Any]:
    """A run in which everything happens."""
    worst = Worst([0, 1], 1.25, 0.5)
    kernels = {
        "conv2d": Kernel("jnp.dot", composed=True, because="no kernel of its own", convention="weights (out, in)")
    }
    failing = [grade for grade in GRADES if grade != "conforms"]
    return [
        environment(),
        formula(chapter="convolution", conventions={"primer": "flips"}, variants={"flip": "kernel not flipped"}),
        formula("softmax", section="2.2", latex=r"\frac{", errata=[{"says": "A", "why": "B", "means": "C"}]),
        target(kernels=kernels, properties={"subnormals": "kept"}, unsupported={"softmax": "no such kernel"}),
        target("jax:cuda:eager", available=False, reason="no device"),
        verdict(hard=0.2, sharp=0.4, ulp=1.5, bits=23.4, note="subgradient 0"),
        *(verdict(grade, quantity=f"grad.{n}", message=f"why {n}") for n, grade in enumerate(failing)),
        verdict(
            "diverges", formula="softmax", hard=217.0, sharp="inf", worst=worst, diagnosis="axis 0", dtype="bfloat16"
        ),
        verdict("imprecise", formula="softmax", sharp=1.0004, known="record-7", dtype="float16"),
        Fact("special values", "log(0)", "torch", "minus infinity"),
        Summary({}, 1, ["stale-3"], {"judge": 1.5}),
    ]


@pytest.mark.parametrize("number", [0, 1, 4, 6, None])
def test_the_page_is_well_formed(report: Any, lines: list[Any], number: int | None) -> None:
    page = Page(report(*lines[:number]).html)
    assert page.open == []
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] == 1


def test_each_grade_is_shown_as_a_word_and_a_glyph(report: Any, verdict: Any) -> None:
    for grade, glyph in zip(GRADES, "✓?≈≠✗!†…–", strict=True):
        html = report(verdict(grade)).html
        counts = html[html.index('<dt><span class="en">verdicts') :].partition("</dd>")[0]
        assert f">1 of 1 formula, 1 target: 1 {grade}</span>" in counts
        assert f"{glyph} {grade}" in html
        matrix = html[html.index('<table class="matrix">') :].partition("</table>")[0]
        assert re.search(
            rf'<td class="first {grade.replace(" ", "-")}"[^>]*>(<a [^>]*>)?{re.escape(glyph)}<small>', matrix
        )


def test_a_cell_shows_the_worst_grade_and_counts(report: Any, verdict: Any) -> None:
    grades = ["conforms", "diverges", "imprecise", "unsupported"]
    html = report(*(verdict(grade, quantity=str(n)) for n, grade in enumerate(grades))).html
    assert re.search(r'class="first diverges" title="1 conforms, 1 imprecise, 1 diverges, 1 unsupported"', html)
    assert "✗<small>2/3</small>" in html


def test_a_cell_that_conforms_still_says_what_was_left_out(report: Any, verdict: Any) -> None:
    html = report(verdict(), verdict(quantity="grad.x"), verdict("unsupported", quantity="hvp.x")).html
    assert "✓<small>2 1–</small>" in html


def test_margins_are_listed_by_target_dtype_and_quantity(report: Any, verdict: Any) -> None:
    rows = [verdict(quantity=name, hard=0.25, sharp=0.5, ulp=2.0, bits=24.5) for name in ("jvp", "grad.x", "output")]
    html = report(*rows).html
    table = html[html.index("Worst margins of conv2d") :].partition("</table>")[0]
    assert re.findall(r'<th scope="row">([\w.]+)</th>', table) == ["output", "grad.x", "jvp"]
    assert table.count("<td>0.250</td><td>0.500</td><td>2.00</td><td>24.5</td><td>1</td>") == 3


def test_dtypes_are_columns_of_their_target(report: Any, verdict: Any) -> None:
    html = report(verdict(dtype="bfloat16"), verdict("diverges"), verdict(dtype="float64")).html
    head, body = html[html.index('<table class="matrix">') :].split("<tbody>")[:2]
    assert re.findall(r'title="(\w+)">', head) == ["float64", "float32", "bfloat16"]
    assert re.findall(r'<td class="(?:first )?(\w+)"', body) == ["conforms", "diverges", "conforms"]


def test_html_in_any_text_is_escaped(report: Any, environment: Any, formula: Any, target: Any, verdict: Any) -> None:
    html = report(
        environment(cpu=EVIL, packages={EVIL: EVIL}, plan={EVIL: [EVIL]}),
        formula(
            EVIL,
            section=EVIL,
            chapter=EVIL,
            title={"en": EVIL, "zh": EVIL},
            latex=EVIL,
            inputs={EVIL: EVIL},
            conventions={EVIL: EVIL},
            errata=[{"says": EVIL, "why": EVIL, "means": EVIL}],
            variants={EVIL: EVIL},
        ),
        formula("broken", latex=r"\frac{<script>"),
        target(
            EVIL,
            reason=EVIL,
            kernels={EVIL: Kernel(EVIL, True, EVIL, EVIL)},
            properties={EVIL: EVIL},
            unsupported={"x": EVIL},
        ),
        target("absent" + EVIL, available=False, reason=EVIL),
        verdict("diverges", formula=EVIL, target=EVIL, dtype=EVIL, quantity=EVIL, diagnosis=EVIL, message=f"a\n{EVIL}"),
        verdict("error", formula=EVIL, target=EVIL, known=EVIL, message=EVIL, note=EVIL),
        Fact(EVIL, EVIL, EVIL, EVIL),
        Summary({}, 0, [EVIL], {EVIL: 1.0}),
    ).html
    page = Page(html)
    assert page.open == []
    assert page.tags["script"] == 3, "only the page's own, its data and its scripts of verdicts"
    assert "alert('x')" in page.text


def test_latex_brings_no_link_and_no_style_into_the_page(report: Any, formula: Any) -> None:
    latex = r"\href{javascript:alert(1)}{a} + \style{position:fixed;inset:0}{b} + \class{skip}{c}"
    (shown,) = re.findall("<math .*?</math>", report(formula(latex=latex)).html)
    assert re.sub(' alttext="[^"]*"', "", shown).count("=") == 1, "of `display` alone"
    assert re.findall("<mi>(.)</mi>", shown) == ["a", "b", "c"]


def test_latex_becomes_mathml_and_broken_latex_stays_readable(report: Any, lines: list[Any]) -> None:
    html = report(*lines).html
    assert "<munderover><mo>∑</mo>" in html
    assert r'<code class="latex">\frac{</code>' in html


def test_less_than_in_a_formula_is_escaped(report: Any, formula: Any) -> None:
    page = Page(report(formula(latex="a < b & c")).html)
    assert page.open == []
    assert "a<b" in page.text.replace(" ", "")


def test_what_does_not_conform_is_told_in_full(report: Any, lines: list[Any]) -> None:
    html = report(*lines).html
    gap = html[html.index('id="gap-softmax-torch-cpu-eager"') :].partition("</article>")[0]
    for said in ("axis 0", "217", "∞", "[0, 1]", "1.250", "0.5000", "softmax/n2c3/normal/bfloat16", "not recorded"):
        assert said in gap, said
    for said in ("1.0004", "known record <code>record-7</code>"):
        assert said in gap, said


def test_all_messages_of_what_fails_alike_are_there_once(report: Any, verdict: Any) -> None:
    says = {"output": "first", "grad.x": "second", "jvp": "second"}
    rows = [
        verdict("diverges", quantity=name, message=said, hard=9.0 - n) for n, (name, said) in enumerate(says.items())
    ]
    gap = report(*rows).html.partition('id="gap-')[2].partition("</article>")[0]
    assert [gap.count("<p>first</p>"), gap.count("<li>second "), gap.count("float32: grad.x, jvp")] == [1, 1, 1]


def test_what_no_record_knows_of_comes_first(report: Any, verdict: Any) -> None:
    html = report(verdict("crashed", formula="known_crash", known="k"), verdict("imprecise", formula="news")).html
    assert html.index('id="gap-news-') < html.index('id="gap-known_crash-')


def test_conforming_verdicts_are_not_listed_as_gaps(report: Any, verdict: Any) -> None:
    html = report(verdict(), verdict("unsupported", quantity="jvp", message="no jvp")).html
    assert "every verdict that was judged conforms" in html
    assert 'class="gap"' not in html


@pytest.mark.parametrize(
    "said",
    [
        "7 new divergences: softmax output on torch:*: axis 0; ",
        "1 known cause; the run file does not tell of which class.",
        "Convolution",
        "section 3.2.4 of the primer",
        "jnp.dot",
        "composed: no kernel of its own — weights (out, in) torch:cpu:eager",
        "primer flips",
        "kernel not flipped",
        "subgradient 0 torch:cpu:eager (f32)",
        "The primer says A Why that fails B Taken to mean C",
        "jax:cuda:eager not available here: no device",
        "no such kernel",
        "why 5",
        "subnormals",
        "minus infinity",
        "stale-3",
        "1.50 s",
        "a processor (2 cores)",
        "torch 2.9",
    ],
)
def test_the_page_says(report: Any, lines: list[Any], said: str) -> None:
    assert said in Page(report(*lines).html).text


def test_titles_in_other_languages_say_which(report: Any, formula: Any) -> None:
    assert '<span class="other" lang="zh">卷积</span>' in report(formula()).html


def test_the_page_needs_nothing_else(report: Any, lines: list[Any]) -> None:
    html = report(*lines).html
    page = Page(html)
    sources = [str(found[name]) for _, found in page.attributes for name in ("src", "href") if name in found]
    assert all(source.startswith("#") or source == "data:," for source in sources)
    assert not re.search(r"url\(|@import|https?://", html)


def test_links_lead_somewhere_and_ids_are_unique(report: Any, lines: list[Any]) -> None:
    page = Page(report(*lines).html)
    ids = Counter(found["id"] for _, found in page.attributes if "id" in found)
    assert max(ids.values()) == 1
    links = {str(found["href"])[1:] for tag, found in page.attributes if tag == "a"}
    assert links <= set(ids), links - set(ids)


def test_headings_tables_and_language_are_accessible(report: Any, lines: list[Any]) -> None:
    page = Page(report(*lines).html)
    assert page.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert page.tags["table"] == page.tags["caption"] > 5
    assert all("scope" in found for tag, found in page.attributes if tag == "th")
    assert ("html", {"lang": "en"}) in page.attributes


def test_a_run_that_was_cut_short_says_so(report: Any, environment: Any, verdict: Any) -> None:
    assert "Incomplete." in report(environment(), verdict()).html
    assert "is still going on" in report(environment(), verdict()).html
    assert "Incomplete." not in report(environment(), verdict(), Summary({}, 0, [], {})).html


def test_shares_that_are_missing_are_said_in_both_languages(report: Any, environment: Any, verdict: Any) -> None:
    html = report(environment(plan={"shard": ["1 of 3"]}), verdict(), Summary({}, 0, [], {})).html
    for told in ("Incomplete.", "shares 2, 3 of 3 are missing.", "missing of 3 shares: 2, 3", "3 个分片中缺少：2, 3"):
        assert told in html
    assert "is still going on" not in html
    assert 'class="answer bad"' in html


def test_an_empty_run_is_a_page(report: Any) -> None:
    assert "No verdict was recorded." in Page(report().html).text


def test_all_unsupported_is_not_called_conforming(report: Any, verdict: Any) -> None:
    text = Page(report(verdict("unsupported", message="no")).html).text
    assert text.count("Nothing was judged.") == 3, "in the answer, among the causes, and in the section of what fails"


def test_figures_stand_in_the_page_with_escaped_captions(report: Any, verdict: Any) -> None:
    html = report(verdict(), figures={"loss <b>": '<svg viewBox="0 0 1 1"></svg>'}).html
    assert '<svg viewBox="0 0 1 1"></svg></div><figcaption>loss &lt;b&gt;</figcaption></figure>' in html


def test_what_is_inconclusive_is_no_failure(report: Any, verdict: Any) -> None:
    assert "not recorded" not in Page(report(verdict("inconclusive")).html).text
    assert "not recorded" in Page(report(verdict("diverges")).html).text
