"""Commands of nnparity as processes of their own, without each importing it again: one imports, and is forked for each.

What a shell would start is `python -m nnparity` itself: tests of that, and of what kills it, start it as a shell does.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path


def nnparity(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, script: bool = False
) -> subprocess.CompletedProcess[str]:
    """What ``python -m nnparity`` or the console script printed, and its status; a negative one is a signal's."""
    with tempfile.TemporaryDirectory(prefix="nnparity-command-") as folder:
        out, err = (Path(folder, name) for name in ("out", "err"))
        asked = {
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "files": [os.devnull, str(out), str(err)],
            "script": script,
        }
        status = _imported_once().ask(json.dumps(asked))
        told = (file.read_text(encoding="utf-8") for file in (out, err))
        return subprocess.CompletedProcess(["nnparity", *arguments], status, *told)


@contextmanager
def signals_heeded() -> Iterator[None]:
    """A process that is started within heeds what this one is told to ignore, as under nohup: it is sent signals."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)  # a handler is not inherited
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


class _Imported:
    """The process that has imported all commands; it ends when this one does, and its input with it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@cache
def _imported_once() -> _Imported:
    return _Imported()


def _serve() -> None:
    """Forks for each line, and says how that process ended."""
    import nnparity.command_line.main  # noqa: F401  (what takes the time)

    for line in sys.stdin:
        if not (child := os.fork()):
            _become(**json.loads(line))
            return
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _become(arguments: list[str], cwd: str, env: dict[str, str], files: list[str], script: bool) -> None:
    """The command in that folder and environment: ends with its SystemExit."""
    for number, name in enumerate(files):
        opened = os.open(name, os.O_RDWR | (os.O_CREAT if number else 0))
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0], sys.argv[1:] = cwd, arguments
    if script:
        runpy.run_path(str(Path(sys.executable).with_name("nnparity")), run_name="__main__")
    runpy.run_module("nnparity", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
