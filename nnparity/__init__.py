"""nnparity: is a disagreement between two neural-network implementations rounding, a convention, or a bug?

Each formula is written once in plain NumPy, the frameworks' own kernels run on the same inputs,
and outputs, gradients and second-order products are judged against derived tolerances.

For tests of one's own there are `check`, `assert_close`, `tolerance`, `arbitrate`, `formula` and `load_pack`, and for
two models `port`: each is imported when it is first asked for, so that ``import nnparity`` costs nothing. Their types
are in the stub beside this file. For adapters of one's own there are `Adapter`, `ForwardOnly`, `kernel`, `composed`,
`passed` and `Unsupported`.
"""

import importlib

__version__ = "0.1.0"

#: Name -> the module that has it.
_API = {
    "check": "nnparity.api.check",
    "assert_close": "nnparity.api.assertion",
    "tolerance": "nnparity.api.tolerances",
    "arbitrate": "nnparity.api.arbitration",
    "formula": "nnparity.api.own_formulas",
    "load_pack": "nnparity.api.packs",
    "port": "nnparity.porting.port",
    "UsageError": "nnparity.spec.usage",
    "Adapter": "nnparity.adapters.base",
    "ForwardOnly": "nnparity.adapters.shared.forward_only",
    "kernel": "nnparity.adapters.kernel",
    "composed": "nnparity.adapters.kernel",
    "passed": "nnparity.adapters.kernel",
    "Unsupported": "nnparity.adapters.kernel",
}
__all__ = ["__version__", *_API]  # noqa: PLE0604  (texts all of them)


def __getattr__(name: str) -> object:
    """The public API, at first use."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_API[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
