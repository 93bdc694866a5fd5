"""On what a result depends beside its question: the code and data that computed it, and the libraries under them.

The contents of all files are hashed, once a process: a time of change would miss a file that was put back.
"""

import hashlib
import platform
import sys
from functools import cache
from pathlib import Path

#: The folder of the installed packages, or of their symlinks in a checkout.
HOUSE = Path(__file__).resolve().parents[1]
KINDS = (".py", ".toml")


@cache
def digest(*rooms: str, house: Path = HOUSE) -> bytes:
    """A hash of the files of these rooms and of the environment."""
    found = hashlib.blake2b(repr(environment()).encode(), digest_size=16)
    for room in rooms:
        for path in sorted((house / room).rglob("*")):
            if path.suffix in KINDS:
                name = f"{room}/{path.relative_to(house / room).as_posix()}"
                found.update(hashlib.blake2b(name.encode()).digest() + hashlib.blake2b(path.read_bytes()).digest())
    return found.digest()


def environment() -> dict[str, str]:
    """The versions of what computes, and the machine's architecture.

    Not which processor of it: roundings of float64 differ from one to the next, which every budget has room for.
    """
    import flint  # noqa: PLC0415 - whoever asks has them all loaded
    import ml_dtypes  # noqa: PLC0415 - the same
    import numpy  # noqa: PLC0415 - the same
    import scipy  # noqa: PLC0415 - the same

    versions = {one.__name__: str(one.__version__) for one in (numpy, scipy, ml_dtypes, flint)}
    python = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
    return versions | {"python": python, "machine": platform.machine(), "bytes": sys.byteorder}
