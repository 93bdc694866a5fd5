"""Questions of one's own to the verdicts of a run, in SQL: DuckDB over the Parquet file."""

import glob
from pathlib import Path

#: What begins a whole statement; all else is a condition.
STATEMENTS = ("select", "with", "describe", "summarize", "from")
#: What a condition shows.
COLUMNS = '"case", target, quantity, grade, class, cause, hard, sharp, bits'


def query(path: Path, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """Names of the columns, and the rows. Raises ValueError for what DuckDB does not understand, file or question.

    `sql` is a statement on the table `verdicts`, or a condition: ``grade = 'diverges' and class = 'wrong result'``.
    """
    import duckdb  # noqa: PLC0415 - an extra, and heavy

    with duckdb.connect() as connection:
        try:
            # DuckDB takes a name for a pattern of several files
            connection.read_parquet(glob.escape(str(path))).create_view("verdicts")
        except duckdb.Error as error:
            raise ValueError(f"{path} cannot be read as Parquet: {error}") from error
        try:
            found = connection.execute(_statement(sql))
            return [name for name, *_ in found.description or ()], found.fetchall()
        except duckdb.Error as error:
            raise ValueError(str(error)) from error


def _statement(sql: str) -> str:
    if sql.strip().lower().startswith(STATEMENTS):
        return sql
    return f"SELECT {COLUMNS} FROM verdicts WHERE {sql} ORDER BY hard DESC NULLS LAST"  # noqa: S608 - one's own question
