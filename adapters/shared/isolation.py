"""One framework in a process: others that are installed beside it are hidden from it.

Frameworks look for each other and for libraries to offer themselves to, and import what they find: TensorFlow JAX,
Keras JAX and, of what nnparity needs itself, matplotlib and scikit-learn. No kernel is computed by these. A target
would depend on what happens to be installed beside it, and each of its processes would take longer to start:
TensorFlow 3.3 CPU seconds instead of 2.0, Keras on PyTorch 3.7 instead of 2.3.
"""

import sys
from typing import cast

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
#: Libraries that Keras and transformers import where they are installed: for plots, tables and estimators, and for the
#: losses of object detection.
OFFERED = {
    "tensorflow": ("matplotlib", "pandas", "sklearn"),
    "keras": ("matplotlib", "pandas", "sklearn"),
    "huggingface": ("scipy", "sklearn"),
}


def hide_others(extra: str) -> None:
    """To whoever asks in this process from now on, only the frameworks of `extra` ("keras,torch") are installed.

    What has been imported already stays.
    """
    parts = extra.split(",")
    own = {package for part in parts for package in PACKAGES[part]}
    others = {package for packages in PACKAGES.values() for package in packages} - own
    offered = {package for part in parts for package in OFFERED.get(part, ())}
    hidden = cast("dict[str, None]", sys.modules)  # None: import and find_spec both say that there is no such module
    for package in sorted(others | offered):
        hidden.setdefault(package, None)
