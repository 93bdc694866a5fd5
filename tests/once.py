"""What is asked once in a session of pytest, by the first of its workers that wants to know, and read by all others.

Most frameworks take longer to be imported than to answer: each has one process, which is asked all that the tests
collected in the session want to know of it. A module that is such a program has its questions by name.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
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


def told(session: pytest.FixtureRequest, program: str, subject: str, question: str, asking: Mapping[str, Path]) -> Any:
    """What a process of the module `program` answers of a framework; `asking` has the test module of each question."""
    modules = {item.path.resolve() for item in session.session.items}  # collected by way of a symlink, or not
    asked = [one for one, path in asking.items() if path.resolve() in modules]
    factory, name = session.getfixturevalue("tmp_path_factory"), program.rpartition(".")[2]
    reply = once(factory, f"{name}-{subject}", lambda: _ask(program, subject, asked))[question]
    assert "error" not in reply, reply["error"]
    return reply["found"]


def _ask(program: str, subject: str, asked: list[str]) -> Any:
    command = [sys.executable, "-W", "ignore", "-m", program, subject, *asked]
    # One thread: two that wait for each other on a busy machine take ten times as long on small arrays.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def answer(questions: Mapping[str, Callable[[str], Any]], subject: str, asked: Iterable[str]) -> None:
    """The program's side: prints what was found, or what was raised, which costs no other question its answer."""
    sys.stdout.write(json.dumps({one: _answered(questions[one], subject) for one in asked}) + "\n")


def _answered(question: Callable[[str], Any], subject: str) -> dict[str, Any]:
    try:
        return {"found": question(subject)}
    except Exception:  # noqa: BLE001  (whatever it is, the test that asked is told)
        return {"error": traceback.format_exc()}
