"""A module in a file of a user's own, run under a name that takes the place of no other."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def executed(name: str, path: Path) -> ModuleType:
    """The module in the file, under this name in `sys.modules`; gone from there again where it raises.

    There pickle and dataclasses look for the module of a class, dataclasses while it still runs.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
