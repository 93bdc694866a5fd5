"""One framework in a process: others that are installed beside it are hidden from it.

Frameworks look for each other and for libraries to offer themselves to, and import what they find: TensorFlow JAX,
Keras JAX and, of what nnparity needs itself, matplotlib and scikit-learn. No kernel is computed by these. A target
would depend on what happens to be installed beside it, and each of its processes would take longer to start:
TensorFlow 3.3 CPU seconds instead of 2.0, Keras on PyTorch 3.7 instead of 2.3.
"""

import sys
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from typing import Any

#: What an extra's frameworks are imported as.
PACKAGES = {
    "torch": ("torch",),
    "tensorflow": ("tensorflow", "keras"),
    "jax": ("jax", "jaxlib"),
    "keras": ("keras",),
    "huggingface": ("transformers", "torch"),
    "onnxruntime": ("onnxruntime",),
    "tinygrad": ("tinygrad",),
    "mlx": ("mlx",),
    "paddle": ("paddle",),
}
#: Libraries that Keras and transformers import where they are installed: for plots, tables and estimators.
OFFERED = {
    "tensorflow": ("matplotlib", "pandas", "sklearn"),
    "keras": ("matplotlib", "pandas", "sklearn"),
    "huggingface": ("sklearn",),
}


class Hiding:
    """A finder of modules that does not find some packages; all else is the finder's.

    `None` in `sys.modules` would hide them too, but libraries look there for what has been imported: SciPy for JAX.
    """

    def __init__(self, finder: Any, hidden: Collection[str]) -> None:
        self.finder, self.hidden = finder, hidden

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """None for a hidden package: import and `importlib.util.find_spec` go on to the next finder, and find none."""
        if name.partition(".")[0] in self.hidden:
            return None
        found: ModuleSpec | None = self.finder.find_spec(name, path, target)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def hide_others(extra: str) -> None:
    """To whoever imports in this process from now on, only the frameworks of `extra` ("keras,torch") are installed.

    What has been imported already stays.
    """
    parts = extra.split(",")
    own = {package for part in parts for package in PACKAGES[part]}
    others = {package for packages in PACKAGES.values() for package in packages} - own
    offered = {package for part in parts for package in OFFERED.get(part, ())}
    hidden = frozenset(name for name in others | offered if name not in sys.modules)
    sys.meta_path[:] = [Hiding(finder, hidden) for finder in sys.meta_path]
