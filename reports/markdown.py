"""The report as Markdown: `parity.md`, for terminals, pull requests and diffs."""

from nnparity.reports import tables
from nnparity.reports.answer import answer, headlines
from nnparity.reports.gaps import Said, said, where
from nnparity.reports.github import MOST, code, grid, table, tallied, text
from nnparity.reports.numbers import NONE, bits, count, duration, margin, pair, significant
from nnparity.reports.records import FormulaLine, Verdict
from nnparity.reports.survey import SHORT, Block, Row, Survey, anchor
from nnparity.reports.tally import MEANINGS, Tally, symbol


def markdown(survey: Survey) -> str:
    """The whole report as one text."""
    parts = [
        *_opening(survey),
        *_matrix(survey),
        *_nonconforming(survey),
        *_formulas(survey),
        *_errata(survey),
        *_unsupported(survey),
        *_targets(survey),
        *_facts(survey),
        *_run(survey),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(survey: Survey) -> list[str]:
    parts = ["# Parity report", f"**{text(answer(survey))}**"]
    lines = [
        f"- {symbol(grade)} **{grade}**: " + tables.listed((_block(block) for block in blocks), 12)
        for grade, blocks in headlines(survey).items()
    ]
    if survey.run.cut_short:
        parts.append(
            f"> **Incomplete:** {survey.run.cut_short} of {len(survey.run.environments)} runs ended without a summary."
        )
    return [*parts, "\n".join(lines)]


def _block(block: Block) -> str:
    return f"{code(block.formula.id)} on {code(block.target)}" + (" (known)" if block.recorded else "")


def _matrix(survey: Survey) -> list[str]:
    if not survey.formulas:
        return []
    rows = [
        [_link(formula), *(_cell(survey, formula.id, target) for target in survey.targets)]
        for formula in survey.formulas
    ]
    legend = "; ".join(f"{symbol(grade)} {grade}: {meaning}" for grade, meaning in MEANINGS.items())
    return [
        "## Formulas and targets",
        "The worst grade of each dtype, with the number of verdicts; 2/54: two of 54 do not conform.",
        table(["formula", *map(code, survey.targets)], rows),
        f"{legend}. *known*: all that fails there is a known record.",
    ]


def _link(formula: FormulaLine) -> str:
    section = f"{text(formula.section)} " if formula.section else ""
    return f"{section}[{code(formula.id)}](#{anchor('formula', formula.id)})"


def _cell(survey: Survey, formula: str, target: str) -> str:
    cells = {dtype: survey.cell(formula, target, dtype) for dtype in survey.dtypes[target]}
    return " · ".join(_dtype(dtype, cell, anchor("gap", formula, target)) for dtype, cell in cells.items())


def _dtype(dtype: str, cell: Tally, details: str) -> str:
    """`✓ f32 54`; when something fails, a link to what."""
    left = cell.grades["unsupported"]
    words = [symbol(cell.grade), text(SHORT.get(dtype, dtype)), cell.tail, f"(–{left})" if left else ""]
    says = " ".join(filter(None, words))
    return f"[{says}](#{details})" + (" *known*" if cell.recorded else "") if cell.failing else says


def _nonconforming(survey: Survey) -> list[str]:
    head = "## What does not conform"
    if not survey.blocks:
        return [head, "Nothing." if survey.total.judged else "Nothing was judged."]
    return [head, *(part for block in survey.blocks for part in _gap(block))]


def _gap(block: Block) -> list[str]:
    known = " (known)" if block.recorded else ""
    columns = ["dtype", "quantity", "grade", "fail", "hard", "sharp", "ULP", "bits", "worst element", "record"]
    return [
        f'<a id="{block.anchor}"></a>',
        f"### {code(block.formula.id)} on {code(block.target)}: {symbol(block.grade)} {text(block.grade)}{known}",
        table(columns, [_gap_row(row) for row in block.rows]),
        "\n".join(_said(part) for part in said(block.rows)),
    ]


def _gap_row(row: Row) -> list[str]:
    tally = row.tally
    return [
        text(row.dtype),
        code(row.quantity),
        f"{symbol(tally.grade)} {text(tally.grade)}",
        f"{tally.failing}/{row.judged}",
        *_margins(tally),
        _worst(tally.worst),
        _record(tally),
    ]


def _said(part: Said) -> str:
    """One item for all that fails alike: where, why, the worst verdict's message, and other messages under it."""
    diagnoses = "; ".join(text(diagnosis, MOST) for diagnosis in part.rows[0].tally.diagnoses)
    worst = part.worst
    message = text(worst.message, MOST) if worst and worst.message else ""
    lines = [
        f"- {text(where(part.rows))}",
        f"  **{diagnoses}**" if diagnoses else "",
        f"  {message}" if message else "",
        f"  worst case {code(worst.case)}" if worst else "",
        *(f"  - {text(where(rows))}: {text(other, MOST)}" for other, rows in part.others),
    ]
    return "  \n".join(filter(None, lines))


def _margins(tally: Tally) -> list[str]:
    return [margin(tally.hard), margin(tally.sharp), significant(tally.ulp), bits(tally.bits)]


def _worst(verdict: Verdict | None) -> str:
    if verdict is None or verdict.worst is None:
        return NONE
    observed, expected = pair(verdict.worst.observed, verdict.worst.expected)
    return f"{text(verdict.worst.index)} observed {text(observed)}, expected {text(expected)}"


def _record(tally: Tally) -> str:
    known = tallied(tally.known)
    if not tally.unrecorded:
        return known
    missing = "**not recorded**"
    return f"{known}; {missing} (×{tally.unrecorded})" if known else missing


def _formulas(survey: Survey) -> list[str]:
    if not survey.formulas:
        return []
    return ["## Formulas", *(part for formula in survey.formulas for part in _formula(survey, formula))]


def _formula(survey: Survey, formula: FormulaLine) -> list[str]:
    place = f"Section {text(formula.section)} of the primer. " if formula.section else ""
    return [
        f'<a id="{anchor("formula", formula.id)}"></a>',
        f"### {text(tables.titled(formula))} ({code(formula.id)})",
        f"```math\n{_fenced(formula.latex)}\n```" if formula.latex else "",
        f"{place}{text(tables.shapes(formula.inputs))} → {text(tables.shapes(formula.outputs))}",
        _kernels(survey, formula.id),
        _margin_table(survey, formula.id),
        "\n".join(f"- note: {text(note)} ({text('; '.join(at))})" for note, at in tables.by_note(survey, formula.id)),
        "\n".join(f"- variant {code(name)}: {text(says)}" for name, says in formula.variants.items()),
        "\n".join(f"- {text(backend)}: {text(said)}" for backend, said in formula.conventions.items()),
        "\n".join(f"- erratum: {_erratum(erratum)}" for erratum in formula.errata),
    ]


def _fenced(latex: str) -> str:
    """LaTeX that cannot close the fence it stands in."""
    return latex.replace("```", "").strip()


def _erratum(erratum: dict[str, str]) -> str:
    return " ".join(f"*{text(part)}* {text(said)}" for part, said in erratum.items())


def _kernels(survey: Survey, formula: str) -> str:
    rows = [
        [
            ", ".join(map(code, targets)),
            code(kernel.calls),
            f"composed: {text(kernel.because)}" if kernel.composed else "",
        ]
        for kernel, targets in tables.kernels(survey, formula)
    ]
    return table(["target", "calls", ""], rows) if rows else ""


def _margin_table(survey: Survey, formula: str) -> str:
    rows = [
        [
            code(row.target),
            text(row.dtype),
            code(row.quantity),
            f"{symbol(row.tally.grade)} {text(row.tally.grade)}",
            *_margins(row.tally),
            row.tally.words,
        ]
        for row in survey.rows[formula]
    ]
    columns = ["target", "dtype", "quantity", "grade", "hard", "sharp", "ULP", "bits", "verdicts"]
    return table(columns, rows) if rows else "No verdict."


def _errata(survey: Survey) -> list[str]:
    rows = [
        [text(formula.section), code(formula.id), *(text(erratum.get(part, "")) for part in ("says", "why", "means"))]
        for formula in survey.formulas
        for erratum in formula.errata
    ]
    columns = ["section", "formula", "the primer says", "why that fails", "taken to mean"]
    return ["## Errata of the primer", table(columns, rows)] if rows else []


def _unsupported(survey: Survey) -> list[str]:
    rows = [
        [
            code(item.formula),
            ", ".join(map(code, item.targets)),
            text(item.scope),
            text(item.reason, MOST),
            str(item.verdicts),
        ]
        for item in tables.unsupported(survey)
    ]
    return ["## Unsupported", table(["formula", "targets", "what", "reason", "verdicts"], rows)] if rows else []


def _targets(survey: Survey) -> list[str]:
    here, absent = tables.target_table(survey), survey.absent
    return [
        "## Targets" if here.rows or absent else "",
        grid(here) if here.rows else "",
        "\n".join(
            f"- {code(line.target)}: not available here: {text(line.reason or 'no reason given')}" for line in absent
        ),
    ]


def _facts(survey: Survey) -> list[str]:
    return [part for facts in tables.fact_tables(survey) for part in (f"## {text(facts.name)}", grid(facts))]


def _run(survey: Survey) -> list[str]:
    environment = tables.environment_table(survey.run.environments)
    counts = [[f"{symbol(grade)} {text(grade)}", count(number)] for grade, number in survey.counts.items()]
    seconds = [[text(part), duration(seconds)] for part, seconds in survey.run.seconds.items()]
    return [
        "## The run",
        grid(environment) if environment.rows else "No environment was recorded.",
        table(["grade", "verdicts"], counts) if counts else "",
        table(["part of the work", "time"], seconds) if seconds else "",
        "\n".join(f"- stale record, no verdict matches it: {code(record)}" for record in survey.run.stale),
    ]
