"""The report as Markdown: `parity.md`, for terminals, pull requests and diffs."""

from nnparity.reports.aggregation import Aggregate, Block, Row, anchor
from nnparity.reports.failures import Said, said, where
from nnparity.reports.formatting import NONE, bits, count, duration, margin, pair, significant, visible
from nnparity.reports.records import SHORT, FormulaLine, Verdict
from nnparity.reports.render import causes, tables
from nnparity.reports.render.gfm import MOST, code, grid, table, tallied, text
from nnparity.reports.render.modes import compared
from nnparity.reports.statistics import MEANINGS, Statistics, symbol
from nnparity.reports.unsupported import unsupported


def markdown(aggregate: Aggregate) -> str:
    """The whole report as one text."""
    parts = [
        *_opening(aggregate),
        *causes.changed(aggregate),
        *causes.causes(aggregate),
        *causes.matrix(aggregate),
        *_matrix(aggregate),
        *_nonconforming(aggregate),
        *compared(aggregate),
        *_formulas(aggregate),
        *_errata(aggregate),
        *_unsupported(aggregate),
        *_targets(aggregate),
        *_facts(aggregate),
        *_run(aggregate),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(aggregate: Aggregate) -> list[str]:
    parts = ["# Parity report", *causes.answer(aggregate)]
    if aggregate.run.incomplete:
        parts.append(f"> **Incomplete:** {aggregate.run.incomplete}.")
    return parts


def _matrix(aggregate: Aggregate) -> list[str]:
    if not aggregate.formulas:
        return []
    rows = [
        [_link(formula), *(_cell(aggregate, formula.id, target) for target in aggregate.targets)]
        for formula in aggregate.formulas
    ]
    legend = "; ".join(f"{symbol(grade)} {grade}: {meaning}" for grade, meaning in MEANINGS.items())
    return [
        "## Grades by dtype",
        "The worst grade of each dtype, with the number of verdicts; 2/54: two of 54 do not conform.",
        table(["formula", *map(code, aggregate.targets)], rows),
        f"{legend}. *known*: all that fails there is a known record.",
    ]


def _link(formula: FormulaLine) -> str:
    section = f"{text(formula.section)} " if formula.section else ""
    return f"{section}[{code(formula.id)}](#{anchor('formula', formula.id)})"


def _cell(aggregate: Aggregate, formula: str, target: str) -> str:
    cells = {dtype: aggregate.cell(formula, target, dtype) for dtype in aggregate.dtypes[target]}
    return " · ".join(_dtype(dtype, cell, anchor("gap", formula, target)) for dtype, cell in cells.items())


def _dtype(dtype: str, cell: Statistics, details: str) -> str:
    """`✓ f32 54`; when something fails, a link to what."""
    left = cell.grades["unsupported"]
    words = [symbol(cell.grade), text(SHORT.get(dtype, dtype)), cell.tail, f"(–{left})" if left else ""]
    says = " ".join(filter(None, words))
    return f"[{says}](#{details})" + (" *known*" if cell.recorded else "") if cell.failing else says


def _nonconforming(aggregate: Aggregate) -> list[str]:
    head = "## What does not conform"
    if not aggregate.blocks:
        return [head, "Nothing." if aggregate.total.judged else "Nothing was judged."]
    return [head, *(part for block in aggregate.blocks for part in _failure(aggregate, block))]


def _failure(aggregate: Aggregate, block: Block) -> list[str]:
    known = " (known)" if block.recorded else ""
    columns = ["dtype", "quantity", "grade", "fail", "hard", "sharp", "ULP", "bits", "worst element", "record"]
    return [
        f'<a id="{block.anchor}"></a>',
        f"### {code(block.formula.id)} on {code(block.target)}: {symbol(block.grade)} {text(block.grade)}{known}",
        table(columns, [_failure_row(row) for row in block.rows]),
        "\n".join(_said(aggregate, part) for part in said(block.rows)),
    ]


def _failure_row(row: Row) -> list[str]:
    statistics = row.statistics
    return [
        text(row.dtype),
        code(row.quantity),
        f"{symbol(statistics.grade)} {text(statistics.grade)}",
        f"{statistics.failing}/{row.judged}",
        *_margins(statistics),
        _worst(statistics.worst),
        _record(statistics),
    ]


def _said(aggregate: Aggregate, part: Said) -> str:
    """One item for all that fails alike: where, why, the worst verdict's message, and other messages under it."""
    diagnoses = "; ".join(text(diagnosis, MOST) for diagnosis in part.rows[0].statistics.diagnoses)
    worst = part.worst
    message = text(worst.message, MOST) if worst and worst.message else ""
    lines = [
        f"- {text(where(part.rows))}",
        f"  **{diagnoses}**" if diagnoses else "",
        f"  {message}" if message else "",
        f"  worst case: {causes.again(aggregate, worst)}" if worst else "",
        *(f"  - {text(where(rows))}: {text(other, MOST)}" for other, rows in part.others),
    ]
    return "  \n".join(filter(None, lines))


def _margins(statistics: Statistics) -> list[str]:
    return [margin(statistics.hard), margin(statistics.sharp), significant(statistics.ulp), bits(statistics.bits)]


def _worst(verdict: Verdict | None) -> str:
    if verdict is None or verdict.worst is None:
        return NONE
    observed, expected = pair(verdict.worst.observed, verdict.worst.expected)
    return f"{text(verdict.worst.index)} observed {text(observed)}, expected {text(expected)}"


def _record(statistics: Statistics) -> str:
    known = tallied(statistics.known)
    if not statistics.unrecorded:
        return known
    missing = "**not recorded**"
    return f"{known}; {missing} (×{statistics.unrecorded})" if known else missing


def _formulas(aggregate: Aggregate) -> list[str]:
    if not aggregate.formulas:
        return []
    return ["## Formulas", *(part for formula in aggregate.formulas for part in _formula(aggregate, formula))]


def _formula(aggregate: Aggregate, formula: FormulaLine) -> list[str]:
    source = f"the pack {text(formula.pack)}" if formula.pack else "the primer"
    place = f"Section {text(formula.section)} of {source}. " if formula.section else ""
    return [
        f'<a id="{anchor("formula", formula.id)}"></a>',
        f"### {text(tables.titled(formula))} ({code(formula.id)})",
        f"```math\n{_fenced(formula.latex)}\n```" if formula.latex else "",
        f"{place}{text(tables.shapes(formula.inputs))} → {text(tables.shapes(formula.outputs))}",
        _kernels(aggregate, formula.id),
        _margin_table(aggregate, formula.id),
        "\n".join(
            f"- note: {text(note)} ({text('; '.join(at))})" for note, at in tables.by_note(aggregate, formula.id)
        ),
        "\n".join(f"- variant {code(name)}: {text(says)}" for name, says in formula.variants.items()),
        "\n".join(f"- {text(name)}: {text(said)}" for name, said in formula.conventions.items()),
        "\n".join(f"- erratum: {_erratum(erratum)}" for erratum in formula.errata),
    ]


def _fenced(latex: str) -> str:
    """LaTeX that cannot close the fence it stands in."""
    return visible(latex.replace("```", "").strip())


def _erratum(erratum: dict[str, str]) -> str:
    return " ".join(f"*{text(part)}* {text(said)}" for part, said in erratum.items())


def _kernels(aggregate: Aggregate, formula: str) -> str:
    rows = [
        [
            ", ".join(map(code, targets)),
            code(kernel.calls),
            f"composed: {text(kernel.because)}" if kernel.composed else "",
            text(kernel.convention),
        ]
        for kernel, targets in tables.kernels(aggregate, formula)
    ]
    return table(["target", "calls", "", "convention"], rows) if rows else ""


def _margin_table(aggregate: Aggregate, formula: str) -> str:
    rows = [
        [
            code(row.target),
            text(row.dtype),
            code(row.quantity),
            f"{symbol(row.statistics.grade)} {text(row.statistics.grade)}",
            *_margins(row.statistics),
            row.statistics.words,
        ]
        for row in aggregate.rows[formula]
    ]
    columns = ["target", "dtype", "quantity", "grade", "hard", "sharp", "ULP", "bits", "verdicts"]
    return table(columns, rows) if rows else "No verdict."


def _errata(aggregate: Aggregate) -> list[str]:
    rows = [
        [text(formula.section), code(formula.id), *(text(erratum.get(part, "")) for part in ("says", "why", "means"))]
        for formula in aggregate.formulas
        for erratum in formula.errata
    ]
    columns = ["section", "formula", "the primer says", "why that fails", "taken to mean"]
    return ["## Errata of the primer", table(columns, rows)] if rows else []


def _unsupported(aggregate: Aggregate) -> list[str]:
    rows = [
        [
            code(item.formula),
            ", ".join(map(code, item.targets)),
            text(item.scope),
            text(item.reason, MOST),
            str(item.verdicts),
        ]
        for item in unsupported(aggregate)
    ]
    return ["## Unsupported", table(["formula", "targets", "what", "reason", "verdicts"], rows)] if rows else []


def _targets(aggregate: Aggregate) -> list[str]:
    here, absent = tables.target_table(aggregate), aggregate.absent
    return [
        "## Targets" if here.rows or absent else "",
        grid(here) if here.rows else "",
        "\n".join(
            f"- {code(line.target)}: not available here: {text(line.reason or 'no reason given')}" for line in absent
        ),
    ]


def _facts(aggregate: Aggregate) -> list[str]:
    return [part for facts in tables.fact_tables(aggregate) for part in (f"## {text(facts.name)}", grid(facts))]


def _run(aggregate: Aggregate) -> list[str]:
    environment = tables.environment_table(aggregate.run.environments)
    counts = [[f"{symbol(grade)} {text(grade)}", count(number)] for grade, number in aggregate.counts.items()]
    seconds = [[text(part), duration(seconds)] for part, seconds in aggregate.run.seconds.items()]
    return [
        "## The run",
        grid(environment) if environment.rows else "No environment was recorded.",
        table(["grade", "verdicts"], counts) if counts else "",
        table(["part of the work", "time"], seconds) if seconds else "",
        "\n".join(f"- stale record, no verdict matches it: {code(record)}" for record in aggregate.run.stale),
    ]
