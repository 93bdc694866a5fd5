"""``nnparity schema`` and ``query``: what a run file is made of, and questions of one's own to its verdicts."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from tabulate import tabulate

from nnparity.command_line.application import application
from nnparity.reports.export.query import query as answered
from nnparity.reports.export.schema import schema as described
from nnparity.reports.formatting import visible
from nnparity.spec.usage import UsageError

#: How to get what a query needs.
EXTRA = "pip install 'nnparity[query]'"


@application.command()
def schema() -> None:
    """Prints the JSON Schema of a line of a run file."""
    typer.echo(json.dumps(described(), indent=2))


@application.command()
def query(
    sql: Annotated[str, typer.Argument(help="a condition on verdicts, or a statement on the table `verdicts`")],
    table: Annotated[Path, typer.Option(help="the verdicts of a report")] = Path("reports/out/verdicts.parquet"),
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated, for other programs")] = False,
) -> None:
    """Asks the verdicts of a report in SQL: "grade = 'diverges' and class = 'wrong result'"."""
    if not table.is_file():
        told = f"`nnparity report` writes it where pyarrow is installed ({EXTRA}); --table names that of another report"
        raise UsageError(f"{table} is not there: {told}")
    try:
        columns, rows = answered(table, sql)
    except ImportError as error:
        raise UsageError(f"queries need DuckDB: {EXTRA}") from error
    except ValueError as error:
        raise UsageError(visible(str(error))) from error
    texts = [["" if value is None else visible(str(value)) for value in row] for row in rows]
    typer.echo(_written(columns, texts) if as_csv else tabulate(texts, headers=columns, disable_numparse=True))


def _written(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue().rstrip("\n")
