"""Files spoilt at random, by thousands: run files, formulas, packs, records of known divergences and stores.

    python tools/fuzz_files.py --seed 0 --number 2000                         # of each kind
    python tools/fuzz_files.py --seed 0 --number 10000 --kind "run files"
    python tools/fuzz_files.py --seed 4711 --number 1 --kind "run files" --keep spoilt.jsonl

Each file is made from a number of its own, counted up from the seed: a failure comes again by that number alone.
What reads it is called in this process; of one in so many (--sample) `nnparity` is started besides, as users do. A
failure is a traceback, more than 10 CPU seconds, a report that says what nobody wrote, status 0 of what is damaged:
see `nnparity.tests.fuzzing`. Prints each with what makes it again, and a summary; ends with 1 where there was any.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from nnparity.tests.fuzzing.run_files import RunFiles
from nnparity.tests.fuzzing.stores import Stores
from nnparity.tests.fuzzing.toml_files import Packs, Records, Specs

KINDS: dict[str, Any] = {one.name: one for one in (RunFiles, Specs, Packs, Records, Stores)}


def started(path: Path) -> list[str]:
    """What a process of its own does wrong with a run file."""
    found = []
    for arguments in (["verify", str(path), "--sample", "0"], ["diff", str(path), str(path)]):
        done = subprocess.run(
            [sys.executable, "-m", "nnparity", *arguments], capture_output=True, timeout=600, check=False
        )
        if done.returncode not in (0, 1, 2) or b"Traceback" in done.stderr:
            found.append(f"{arguments[0]}, started: status {done.returncode}: {done.stderr[-200:]!r}")
    return found


def fuzzed(kind: str, seed: int, number: int, sample: int, keep: Path | None) -> Counter[str]:
    """So many files of a kind; what became of them."""
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="nnparity-fuzz-") as folder:
        files = KINDS[kind](Path(folder))
        for one in range(seed, seed + number):
            told, data = files.spoilt(random.Random(one))  # noqa: S311 - it need not be secret
            wrong = files.wrong(told, data)
            if kind == RunFiles.name and sample and not one % sample:
                wrong += started(Path(folder) / "spoilt.jsonl")
                counted["also started"] += 1
            counted["files"] += 1
            counted["wrong"] += bool(wrong)
            for line in wrong:
                print(f"--seed {one} --number 1 --kind '{kind}': {told[:200]}\n    {line}", flush=True)
            if keep:
                keep.write_bytes(data)
    return counted


def main() -> int:
    """Each kind asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--keep", type=Path, help="where the last file is left")
    asked = parser.parse_args()
    wrong = 0
    for kind in asked.kind or KINDS:
        begun = time.process_time()
        counted = fuzzed(kind, asked.seed, asked.number, asked.sample, asked.keep)
        wrong += counted["wrong"]
        print(f"{kind}: {dict(counted)}, {time.process_time() - begun:.0f} CPU seconds", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
