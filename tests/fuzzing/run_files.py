"""Run files: what is damaged is refused, what is forged is read as it says, and no report says anything else."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree as ET
from zlib import crc32

from nnparity.command_line.running.forecast import measured
from nnparity.command_line.running.previous import RUN
from nnparity.execute.target import TargetName
from nnparity.reports import MergedRun, merge, records
from nnparity.reports.chain import LINK, Chain, sealed
from nnparity.run import finalization
from nnparity.run.journal import taken_up
from nnparity.run.plan import Plan
from nnparity.run.recorder import Recorder, environment, formula_line
from nnparity.spec.usage import UsageError
from nnparity.tests.fuzzing.guard import Ended, command, tried
from nnparity.tests.fuzzing.mutations import bytes_spoilt, json_spoilt, lines_spoilt
from nnparity.tests.judge.verdicts import verdict

PLAN = Plan((TargetName("numpy"),), formulas=("dense", "tanh", "train_mlp"), dtypes=("float32", "bfloat16"))
DRAWN = (b'{"kind":"curve"', b'{"kind":"ulps"')
#: Of so many files one is drawn as a trend and taken as a baseline.
RARE = 8
TARGET, OTHER = "numpy:cpu:eager", "torch:cuda:eager"


def whole(path: Path) -> Path:
    """A run of two writers that has every kind of line, sealed."""
    parent, job = Recorder(path), Recorder(path)
    parent.write(environment(PLAN), *map(formula_line, PLAN.chosen()))
    kernel = records.Kernel("np.matmul", composed=True, because="none", convention="(out, in)")
    job.write(
        records.TargetLine(
            TARGET, True, "", {"numpy": "2.0"}, {"dense": kernel}, {"tanh": "no"}, {"subnormals": "kept"}
        ),
        records.TargetLine(OTHER, False, "not available here"),
    )
    for number, grade in enumerate(records.GRADES * 2):
        formula, dtype = ("dense", "tanh", "train_mlp")[number % 3], ("float32", "bfloat16")[number % 2]
        told = verdict(
            grade,
            formula=formula,
            dtype=dtype,
            case=f"{formula}/n{number}/normal/{dtype}",
            signature=f"n{number}",
            target=TARGET,
            quantity=("output", "grad.x", "jvp")[number % 3],
            hard=0.25 * number,
            sharp="inf" if number == 4 else 0.5,
            ulp=2.0,
            bits=20.5,
            rms=0.1,
            resolution=1e-6,
            worst=records.Worst([0, number], 1.5, "nan"),
            digest=f"{number:016x}",
            seconds=0.01,
            blind=0.0,
            known="r1" if number == 4 else None,
            message="变体 <b>\n|",
            note="composed",
            diagnosis="x",
        )
        (job, parent)[number % 2].write(told)
    job.write(
        records.Fact("special values", "log(0)", TARGET, "-inf"),
        records.Fact("properties", "threads", TARGET, "1"),
        records.Curve(
            "train_mlp/s3/normal/float32",
            "train_mlp",
            "s3",
            "float32",
            TARGET,
            "losses",
            [3.0, 2.0, "nan"],
            [3.0, 2.0, 1.0],
            [1e-7, 1e-7, "inf"],
            2,
            0.1,
        ),
        records.Ulps("tanh", "float32", TARGET, [None, 0.5, *[1.5] * 41, None, "inf"]),
        records.Finished(
            "dense/float32", {"harness": 1.0}, ["r1"], ["r1"], {TARGET: {"compiled": 3}}, {"x": {"computed": 1}}, []
        ),
    )
    counts = dict(Counter(records.GRADES * 2))
    parent.write(
        records.Summary(
            counts, 1, ["old"], {"harness": 1.0, "judge": 0.5}, {TARGET: {"compiled": 3}}, {"x": {"computed": 1}}
        ),
        records.KnownLine(
            "r1", "wrong result", "why", "https://x.example", {"torch": "<3"}, {"hard": "2"}, {"formula": ["d*"]}
        ),
        records.ScriptLine("dense/n4/normal/float32", TARGET, "output", "print(1)"),
        records.ScriptLine("tanh/n5/normal/bfloat16", TARGET, "jvp", "", "no framework"),
    )
    parent.close()
    job.close()
    sealed(path)
    return path


class RunFiles:
    """Spoils one run file in all ways, and reads it in all ways."""

    name = "run files"

    def __init__(self, folder: Path, base: Path | None = None) -> None:
        """`base` is a run file that is as it was written; one of every kind of line is made without it."""
        self.folder = folder
        self.base = base or whole(folder / "whole.jsonl")
        self.data = self.base.read_bytes()
        self.lines = self.data.splitlines()

    @cached_property
    def said(self) -> MergedRun:
        """What the file says as it was written."""
        return merge([self.base])

    def spoilt(self, chance: random.Random) -> tuple[str, bytes]:
        """What was done, and what came of it; `forged` where all digests fit."""
        match chance.randrange(6):
            case 0 | 1:
                return bytes_spoilt(chance, self.data)
            case 2:
                told, lines = lines_spoilt(chance, self.lines)
                return told, b"".join(line + b"\n" for line in lines)
        texts = [LINK.sub(b"}", line) for line in self.lines]
        if chance.randrange(4):  # what is drawn takes longer than all else
            texts = [text for text in texts if not text.startswith(DRAWN)]
        told = ""
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            if chance.random() < 0.85:
                row = chance.randrange(len(texts))
                if not texts[row].startswith(b'{"kind"'):
                    continue
                try:
                    what, texts[row] = json_spoilt(chance, texts[row])
                except (ValueError, RecursionError):  # it was spoilt beyond JSON already
                    continue
                told += f"line {row + 1}: {what}; "
            else:
                what, texts = lines_spoilt(chance, texts)
                told += f"{what}; "
                if not texts:
                    break
        if chance.random() < 0.15:
            return f"{told}no links", b"".join(text + b"\n" for text in texts)
        return f"{told}forged", self._forged(texts)

    def _forged(self, texts: list[bytes]) -> bytes:
        """With all digests worked out anew: whoever does that reaches what reads the lines."""
        path, chain = self.folder / "forged.jsonl", Chain()
        path.write_bytes(b"".join(chain.linked(text) for text in texts if b'"kind":"seal"' not in text))
        sealed(path)
        return path.read_bytes()

    def wrong(self, told: str, data: bytes) -> list[str]:
        """What must not be of what reads the file."""
        path = self.folder / "spoilt.jsonl"
        path.write_bytes(data)
        links = not told.endswith(("forged", "no links"))
        readers = (lambda: self._reported(path, links), lambda: self._others(path, links), lambda: self._taken_up(path))
        with patch.object(finalization, "on_record", _records):  # they are the same for every file
            return [one for reader in readers for one in tried(reader)]

    def _reported(self, path: Path, links: bool) -> Iterator[str]:
        out = self.folder / "report"
        ended = command("report", path, "--out", out, "--json")
        if ended.wrong:
            yield f"report: {ended.wrong}"
        if ended.status == 2:
            return
        answer, run = json.loads(ended.out), merge([path])
        grades = Counter(one["grade"] for one in _verdicts(path).values())
        if answer["grades"] != grades:
            yield f"report: says {answer['grades']}, the file {dict(grades)}"
        if bool(ended.status) != bool(run.cut_short):
            yield f"report: status {ended.status}, {run.cut_short} runs cut short"
        markdown = (out / "parity.md").read_text("utf-8")
        if ended.status and "Incomplete" not in markdown:
            yield "report: does not say that it is incomplete"
        if run.cut_short and "incomplete" not in ended.err:
            yield "report: does not tell on the terminal that it is incomplete"
        ET.parse(out / "junit.xml")
        if links:
            yield from self._honest(ended, run)

    def _honest(self, ended: Ended, run: MergedRun) -> Iterator[str]:
        """A file whose digests were not worked out anew says what was written or is refused; less, if it says so."""
        before = {_key(one): one for one in self.said.verdicts}
        if any(before.get(_key(one)) != one for one in run.verdicts):
            yield "report: has a verdict that nobody wrote"
        if not ended.status and not _same(run, self.said):
            yield "report: status 0, and says something else than what was written"

    def _others(self, path: Path, links: bool) -> Iterator[str]:
        commands: dict[str, tuple[object, ...]] = {
            "verify": ("verify", path, "--sample", "0"),
            "diff, as the new one": ("diff", self.base, path),
            "diff, as the old one": ("diff", path, self.base),
        }
        if crc32(path.read_bytes()) % RARE == 0:
            out = self.folder / "report"
            commands["a trend"] = ("report", self.base, path, "--trend", "--out", out)
            commands["baseline"] = ("report", self.base, "--baseline", path, "--out", out, "--json")
        same = links and _readable_alike(path, self.said)
        for name, arguments in commands.items():
            ended = command(*arguments)
            if ended.wrong:
                yield f"{name}: {ended.wrong}"
            if links and not same and not ended.status and name != "baseline":
                yield f"{name}: status 0 of a file that is damaged"

    def _taken_up(self, path: Path) -> Iterator[str]:
        """What a run that goes on reads of it, and one that begins anew in its folder."""
        folder = self.folder / "resumed"
        folder.mkdir(exist_ok=True)
        (folder / RUN).write_bytes(path.read_bytes())
        measured(folder)
        try:
            journal = taken_up(folder / RUN, PLAN)
        except UsageError:
            return
        if journal.total.counts.grades.keys() - set(records.GRADES):
            yield "resume: counts a grade that there is not"
        merge([folder / RUN])


_records = cache(finalization.on_record)


def _key(one: records.Verdict) -> tuple[str, str, str]:
    return one.case, one.target, one.quantity


def _verdicts(path: Path) -> dict[tuple[str, str, str], Any]:
    """The verdict lines of a file, read by another parser: of those of one name the last."""
    found = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(one, dict) and one.get("kind") == "verdict":
            found[one["case"], one["target"], one["quantity"]] = one
    return found


def _same(run: MergedRun, other: MergedRun) -> bool:
    """Whether two runs say the same, in whatever order."""
    return sorted(map(records.encode, run.lines())) == sorted(map(records.encode, other.lines()))


def _readable_alike(path: Path, said: MergedRun) -> bool:
    try:
        run = merge([path])
    except (ValueError, OSError):
        return False
    return not run.cut_short and _same(run, said)
