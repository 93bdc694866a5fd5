"""A file to begin an adapter with: it runs as it is, on NumPy, until the framework's own calls stand in it."""

import keyword
import re
from pathlib import Path

from nnparity.spec.usage import UsageError

#: What a backend may be called: a word that no target, path or pattern takes apart.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
TEXT = '''\
"""{name} as a target of nnparity. NumPy stands in for it in the three places that are marked."""

import numpy as np
from nnparity import ForwardOnly, kernel


class {kind}(ForwardOnly):
    backend = "{name}"

    def put(self, array):
        return np.array(array)  # 1. a NumPy array as a tensor of {name}, in the same dtype

    def get(self, tensor):
        return np.asarray(tensor)  # 2. and back

    @kernel("numpy.exp")  # the dotted path of what is called
    def softmax(self, x):
        e = np.exp(x - x.max(-1, keepdims=True))  # 3. {name}'s own softmax
        return e / e.sum(-1, keepdims=True)
'''


def written(name: str, file: Path | None = None) -> tuple[Path, str]:
    """Writes the file; its path, and the class in it. Raises UsageError for a name that is none, or a file there."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a backend: letters, digits, - and _, a letter first")
    kind = "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_]", name) if part)
    if keyword.iskeyword(kind):
        kind += "Adapter"
    path = file or Path(f"{name.replace('-', '_')}_adapter.py")
    try:
        with path.open("x", encoding="utf-8") as opened:
            opened.write(TEXT.format(name=name, kind=kind))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path, kind
