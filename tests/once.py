"""What is asked once in a session of pytest, by the first of its workers that wants to know, and read by all others."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


def shared(factory: pytest.TempPathFactory) -> Path:
    """The folder of the session: the workers of xdist have one each inside of it."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(factory: pytest.TempPathFactory, name: str, ask: Callable[[], Any]) -> Any:
    """What `ask` returns, as JSON gives it back. Where it raises nothing is kept, and the next asks again."""
    folder = shared(factory)
    path = folder / f"{name}.json"
    with FileLock(folder / f"{name}.lock"):
        if not path.is_file():
            path.write_text(json.dumps(ask()), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))
