"""The JSON Schema of a line of a run file, made of the structs that read it."""

from typing import Any

import msgspec

from nnparity.reports.records import Line


def schema() -> dict[str, Any]:
    """The schema: each line is one of its kinds, told apart by ``kind``."""
    found = msgspec.json.schema(Line)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of an nnparity run file",
    } | found
