"""A process that ends with the one that started it, however that ends."""

import ctypes
import os
import signal
import sys

#: PR_SET_PDEATHSIG of prctl(2).
PARENT_DEATH = 1


def end_with(parent: int) -> None:
    """Linux kills this process when its parent ends; elsewhere it ends when it next hears from nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before this was said
        sys.exit(1)
