"""The verdicts as a table, `verdicts.parquet`: numbers as numbers, with class and cause of those that fail."""

from pathlib import Path
from typing import Any

from msgspec import UNSET

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.formatting import real
from nnparity.reports.records import Number, Verdict

#: The columns of texts and of numbers, as a verdict has them.
TEXTS = ("case", "formula", "signature", "dataset", "dtype", "target", "quantity", "grade")
SAID = ("diagnosis", "message", "known", "note", "digest", "salt", "layout")
NUMBERS = ("hard", "sharp", "ulp", "bits", "rms", "resolution", "blind", "seconds")


def parquet(aggregate: Aggregate, path: Path) -> bool:
    """Writes the table; False where pyarrow is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and heavy
        import pyarrow.parquet as pq  # noqa: PLC0415 - the same
    except ImportError:
        return False
    with path.open("wb") as file:  # pyarrow takes a path with a colon for a URI
        pq.write_table(pa.table(_columns(aggregate, pa)), file, compression="zstd")
    return True


def _columns(aggregate: Aggregate, pa: Any) -> dict[str, Any]:
    verdicts = aggregate.run.verdicts
    kinds = {id(verdict): cause for cause in aggregate.causes for verdict in cause.verdicts}
    columns: dict[str, Any] = {name: _texts(verdicts, name, pa) for name in TEXTS}
    columns |= {name: pa.array([_float(getattr(v, name)) for v in verdicts], pa.float64()) for name in NUMBERS}
    columns |= {name: _texts(verdicts, name, pa) for name in SAID}
    for name in ("observed", "expected"):
        worst = [_float(getattr(v.worst, name)) if v.worst else None for v in verdicts]
        columns[f"worst_{name}"] = pa.array(worst, pa.float64())
    indices = [list(v.worst.index) if v.worst else None for v in verdicts]
    columns["worst_index"] = pa.array(indices, pa.list_(pa.int64()))
    found = [kinds.get(id(verdict)) for verdict in verdicts]
    columns["class"] = pa.array([cause and cause.kind for cause in found], pa.string())
    columns["cause"] = pa.array([cause and cause.title for cause in found], pa.string())
    columns["new"] = pa.array([bool(cause and cause.new) for cause in found], pa.bool_())
    return columns


def _texts(verdicts: list[Verdict], name: str, pa: Any) -> Any:
    """Texts of which many are alike: each is stored once."""
    values = (getattr(verdict, name) for verdict in verdicts)
    return pa.array([None if one is UNSET else one for one in values], pa.string()).dictionary_encode()


def _float(value: Number | None) -> float | None:
    return real(value)
