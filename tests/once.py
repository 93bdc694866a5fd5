"""What is asked once in a session of pytest, by the first of its workers that wants to know, and read by all others."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from filelock import FileLock


def once(factory: pytest.TempPathFactory, name: str, ask: Callable[[], Any]) -> Any:
    """What `ask` returns, as JSON gives it back. Where it raises nothing is kept, and the next asks again.

    The workers of xdist have a folder each, in one of the session.
    """
    base = factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path = folder / f"{name}.json"
    with FileLock(folder / f"{name}.lock"):
        if not path.is_file():
            path.write_text(json.dumps(ask()), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))
