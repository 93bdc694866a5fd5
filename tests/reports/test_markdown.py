"""The Markdown: every table has as many cells in each row, and no text is markup by accident."""

import re
from itertools import groupby
from typing import Any

import pytest

from nnparity.reports.records import GRADES, Fact, Kernel, Summary, Worst
from nnparity.reports.render.gfm import text


def tables(markdown: str) -> list[list[list[str]]]:
    """The tables as GitHub reads them: cells between bars that are not escaped."""
    blocks = groupby(markdown.split("\n"), key=lambda line: line.startswith("|"))
    return [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block] for is_table, block in blocks if is_table]


@pytest.fixture
def lines(environment: Any, formula: Any, target: Any, verdict: Any) -> list[Any]:
    """A run with bars, newlines and markup wherever a text may stand."""
    evil = "a | b\n<script>*x* `code` [link](there) $y$ \\"
    return [
        environment(cpu=evil),
        formula(conventions={"primer": evil}, errata=[{"says": evil, "why": evil, "means": evil}]),
        target(
            kernels={"conv2d": Kernel(evil, composed=True, because=evil, convention=evil)}, unsupported={"gelu": evil}
        ),
        target("jax:cuda:eager", available=False, reason="no device"),
        verdict("diverges", hard=217.0, diagnosis=evil, message=evil, worst=Worst([0, 1], "nan", 0.5)),
        verdict("imprecise", quantity="grad.x", sharp=1.0004, known="record-7"),
        verdict("unsupported", quantity="jvp", message=evil),
        Fact("special | values", evil, evil, evil),
        Summary({}, 1, ["stale-3"], {"judge": 1.5}),
    ]


def test_tables_have_one_width(report: Any, lines: list[Any]) -> None:
    found = tables(report(*lines).markdown)
    assert len(found) >= 9
    for table in found:
        assert len(table) >= 3, "header, rule and at least one row"
        assert {len(row) for row in table} == {len(table[0])}
        assert all(re.fullmatch(" ?-+ ?", cell) for cell in table[1])


def test_no_html_but_anchors_and_no_markup_from_texts(report: Any, lines: list[Any]) -> None:
    markdown = report(*lines).markdown
    assert set(re.findall(r"<(?!/)\w+", markdown)) == {"<a"}
    assert "&lt;script&gt;" in markdown
    assert not re.search(r"(?<!\\)\*x", markdown)
    assert "](there)" not in markdown


@pytest.mark.parametrize(
    "said",
    ["# head", "- item", "+ item", "1. item", "1) item", "---", "- - -", "===", "[rank0]: died", "#1 -x 1.5 a"],
)
def test_a_text_is_a_paragraph_whatever_it_begins_with(said: str) -> None:
    parser = pytest.importorskip("markdown_it").MarkdownIt()
    assert parser.render(text(said)) == f"<p>{said}</p>\n"
    assert parser.render(f"a  \n{text(said)}") == f"<p>a<br />\n{said}</p>\n"


def test_a_kernel_stands_beside_its_convention(report: Any, formula: Any, target: Any, verdict: Any) -> None:
    kernels = {"conv2d": Kernel("torch.conv2d", convention="cross-correlation")}
    found = tables(report(formula(), target(kernels=kernels), verdict()).markdown)
    (table,) = (table for table in found if "convention" in [cell.strip() for cell in table[0]])
    assert [cell.strip() for cell in table[2]] == ["`torch:cpu:eager`", "`torch.conv2d`", "", "cross-correlation"]


def test_each_grade_is_a_word_and_a_glyph(report: Any, verdict: Any) -> None:
    for grade, glyph in zip(GRADES, "✓?≈≠✗!†…–", strict=True):
        found = tables(report(verdict(grade)).markdown)
        assert any(f"{glyph} f32" in cell for table in found for row in table for cell in row)
        assert any(cell.strip() == f"{glyph} {grade}" for table in found for row in table for cell in row)


def test_the_matrix_has_a_row_for_each_formula_and_a_column_for_each_target(report: Any, verdict: Any) -> None:
    names = [("conv2d", "torch:cpu:eager"), ("dense", "jax:cpu:eager"), ("dense", "torch:cpu:eager")]
    verdicts = [verdict(formula=formula, target=target) for formula, target in names]
    _, classes, matrix, *_ = tables(report(*verdicts, verdict("diverges", quantity="jvp", hard=7.0)).markdown)
    assert [[cell.strip() for cell in row[1:]] for row in classes[2:]] == [["·", "**✗ 7.00**"], ["✓", "✓"]]
    assert [cell.strip() for cell in matrix[0]] == ["formula", "`jax:cpu:eager`", "`torch:cpu:eager`"]
    assert [row[2].strip() for row in matrix[2:]] == ["[✗ f32 1/2](#gap-conv2d-torch-cpu-eager)", "✓ f32 1"]
    assert "f32" in matrix[3][1]


def test_of_how_many_a_failure_is_said_alike_in_matrix_and_details(report: Any, verdict: Any) -> None:
    grades = ("diverges", "conforms", "inconclusive", "unsupported")
    _, _, matrix, failing, *_ = tables(report(*(verdict(one, dataset=one) for one in grades)).markdown)
    assert "✗ f32 1/2" in matrix[2][1]
    assert failing[2][3].strip() == "1/2", "neither what was inconclusive nor what is unsupported was judged"


def test_links_have_anchors(report: Any, lines: list[Any]) -> None:
    markdown = report(*lines).markdown
    links = re.findall(r"\]\(#([^)]+)\)", markdown)
    assert links
    assert set(links) <= set(re.findall(r'<a id="([^"]+)">', markdown))


@pytest.mark.parametrize(
    "said",
    [
        "**1 new divergence: conv2d output on torch:\\*: a \\| b",
        "1 known cause; the run file does not tell of which class.",
        "3 of 1 formula, 1 target: 1 imprecise, 1 diverges, 1 unsupported",
        "[0, 1] observed NaN, expected 0.5",
        "217",
        "1.0004",
        "record-7",
        "**not recorded**",
        "conv2d/n2c3/normal/float32",
        "y = \\sum_{p=1}^{P} x w",
        "Convolution 卷积",
        "not available here: no device",
        "the whole formula",
        "## Errata of the primer",
        "stale-3",
        "1.50 s",
    ],
)
def test_the_markdown_says(report: Any, lines: list[Any], said: str) -> None:
    assert said in report(*lines).markdown


def test_formulas_stand_in_the_order_of_the_primer(report: Any, formula: Any) -> None:
    sections = {"c": "3.10", "b": "3.9", "a": "10.1", "d": "2"}
    markdown = report(*(formula(name, section=section) for name, section in sections.items())).markdown
    assert re.findall(r'<a id="formula-(\w)">', markdown) == ["d", "b", "c", "a"]


def test_margins_are_the_worst_and_bits_the_fewest(report: Any, verdict: Any) -> None:
    margins = [(0.2, 0.9, 2.0, 20.0), (0.4, 0.3, 7.0, 23.0), ("nan", None, None, None)]
    names = ("hard", "sharp", "ulp", "bits")
    rows = [verdict(dataset=str(n), **dict(zip(names, values, strict=True))) for n, values in enumerate(margins)]
    assert _row(report(*rows[:2]).markdown) == ["0.400", "0.900", "7.00", "20.0", "2 conforms"]
    assert _row(report(*rows).markdown) == ["NaN", "0.900", "7.00", "20.0", "3 conforms"]


def _row(markdown: str) -> list[str]:
    table = next(table for table in tables(markdown) if table[0][-1].strip() == "verdicts" and len(table[0]) == 9)
    return [cell.strip() for cell in table[2][4:]]


def test_an_empty_run_is_a_report(report: Any) -> None:
    assert report().markdown.startswith("# Parity report\n\n**No verdict was recorded.**\n")


def test_the_worst_case_comes_with_the_command_that_reproduces_it(report: Any, verdict: Any) -> None:
    told = report(verdict("diverges", dataset="nan in others", hard=3.0))
    command = "nnparity reproduce 'conv2d/n2c3/nan in others/float32' torch:cpu:eager output"
    assert f"worst case: `{command}`" in told.markdown
    assert command.replace("'", "&#39;") in told.html
