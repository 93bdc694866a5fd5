"""A formula that stands in no chapter, so that edits of the spec leave the tests of its machinery alone."""

from typing import Any

import msgspec

from nnparity.spec import DTYPES, Case, Formula
from nnparity.spec.loader import signatures


def toy(inputs: dict[str, str], dims: dict[str, int], **fields: Any) -> Formula:
    """A formula `toy` of these inputs with one signature; the output is the first input's shape."""
    entry = {
        "section": "0",
        "title": {"en": "Toy", "zh": "玩具"},
        "latex": "",
        "inputs": inputs,
        "output": next(iter(inputs.values())),
        "wrt": [name for name in inputs if name not in fields.get("domains", {})],
        "signatures": [dims],
        "datasets": ["normal"],
    }
    return msgspec.structs.replace(msgspec.convert(entry | fields, Formula), id="toy", chapter="toys")


def case(
    dataset: str = "normal",
    dtype: str = "float32",
    salt: str = "",
    inputs: dict[str, str] | None = None,
    dims: dict[str, int] | None = None,
    **fields: Any,
) -> Case:
    """The toy's case."""
    formula = toy(inputs or {"x": "n k", "w": "k"}, dims or {"n": 2, "k": 3}, **fields)
    return Case(formula, signatures(formula)[0], dataset, DTYPES[dtype], salt)
