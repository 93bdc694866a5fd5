"""Questions of one's own to the verdicts of a run, in SQL: DuckDB over the Parquet file."""

import glob
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
            found = connection.execute(_statement(connection, sql))
            return [name for name, *_ in found.description or ()], found.fetchall()
        except duckdb.Error as error:
            raise ValueError(str(error)) from error


def _statement(connection: "DuckDBPyConnection", sql: str) -> str:
    """What DuckDB reads as a statement is one, as in brackets or behind a comment; all else is a condition."""
    # a comment at the end of a condition ends with its line
    condition = f"SELECT {COLUMNS} FROM verdicts WHERE {sql}\nORDER BY hard DESC NULLS LAST"  # noqa: S608 - one's own
    no_statement = _misread(connection, sql)
    if no_statement is None:
        return sql
    if no_condition := _misread(connection, condition):
        raise ValueError(f"no statement: {no_statement}\nno condition: {no_condition}")
    return condition


def _misread(connection: "DuckDBPyConnection", sql: str) -> str | None:
    """Why DuckDB does not read it as a statement; nothing where it does."""
    import duckdb  # noqa: PLC0415 - an extra, and heavy

    try:
        return None if connection.extract_statements(sql) else "nothing is asked"
    except duckdb.Error as error:
        return str(error)
