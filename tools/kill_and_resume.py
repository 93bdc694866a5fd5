"""kill -9 of a run at random moments, then --resume: the report must equal that of a run nobody disturbed.

    python tools/kill_and_resume.py --seed 0 --tries 20 --out /tmp/kills
    python tools/kill_and_resume.py --tries 3 -- --backend numpy --formula dense --level quick --jobs 2

What stands behind `--` are the options of `nnparity run`; by default two jobs with torch, JAX and NumPy as targets. Of
the tries every other one kills all processes of the run, the rest the first one alone; every third is killed a second
time while it goes on. Compared are all lines of the run files but for times, the exit status, and the rendered
reports; no process may be left, and no temporary file. Prints a line a try, and ends with 1 where one differs. Linux.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from nnparity.tests.command_line.kills import Runs

#: Fewer are not worth a second process.
FORMULAS = ("dense", "softmax", "gelu", "tanh", "mse", "layer_norm")
PLAN = (
    *("--backend", "torch", "--backend", "jax", "--backend", "numpy", "--jobs", "2", "--level", "quick"),
    *(word for name in FORMULAS for word in ("--formula", name)),
)


def main() -> int:
    """All tries, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the number of the first try")
    parser.add_argument("--out", type=Path, help="a folder for all runs, which stays; a temporary one without it")
    parser.add_argument("plan", nargs="*", help="options of nnparity run")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nnparity-kills-") as temporary:
        folder = asked.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        runs = Runs(folder.resolve(), tuple(asked.plan or PLAN))
        usual = runs.undisturbed()
        print(f"undisturbed: {usual:.0f} s", flush=True)
        alike = 0
        for number in range(asked.first, asked.first + asked.tries):
            chance = random.Random(f"{asked.seed}/{number}")  # noqa: S311 - it need not be secret
            found = runs.killed(f"try-{number}", chance, usual, 1 + (number % 3 == 2), whole=number % 2 == 0)
            alike += not found.wrong
            print(f"{number}: {'; '.join(found.told)}: {'; '.join(found.wrong) or 'alike'}", flush=True)
        print(f"{alike} of {asked.tries} are as the undisturbed run", flush=True)
    return int(alike < asked.tries)


if __name__ == "__main__":
    sys.exit(main())
