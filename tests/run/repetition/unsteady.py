"""Adapters whose tanh is wrong, and that may answer otherwise when they are asked for the same case once more."""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Failure, Observation, Request


class Unsteady(NumpyAdapter):
    """Three times the result, always. Others of its kind go by how often they were asked for the case before."""

    backend = "unsteady"

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        self._calls: Counter[bytes] = Counter()

    def observe(self, request: Request) -> Observation:
        seen: Any = super().observe(request)
        if request.formula == "tanh":
            case = b"".join(array.tobytes() for array in request.inputs.values())
            seen["output"] = self.answer(seen["output"], self._calls[case])
            self._calls[case] += 1
        return seen  # type: ignore[no-any-return]

    def answer(self, output: Array, calls: int) -> Array | Failure:
        return times(output, self.factor(calls))

    def factor(self, calls: int) -> float:  # noqa: ARG002  (others go by it)
        """After so many calls of the case."""
        return 3.0


class Once(Unsteady):
    """Wrong in the first call of each case, right afterwards."""

    def factor(self, calls: int) -> float:
        return 1.0 if calls else 3.0


class Each(Unsteady):
    """Wrong each time, and each time otherwise."""

    def factor(self, calls: int) -> float:
        return 3.0 + calls


class Raises(Unsteady):
    """Wrong in the first call, and raises in the second."""

    def answer(self, output: Array, calls: int) -> Array | Failure:
        return Failure("error", "no more memory\nat all") if calls else times(output, 3.0)


class Ends(Unsteady):
    """Wrong in the first call, and ends its process in the second."""

    end: Callable[[], None]

    def answer(self, output: Array, calls: int) -> Array | Failure:
        if calls:
            self.end()
        return times(output, 3.0)


class Dies(Ends):
    def end(self) -> None:
        os._exit(7)


class Hangs(Ends):
    def end(self) -> None:
        time.sleep(600)


def times(output: Array, factor: float) -> Array:
    return np.asarray(output * output.dtype.type(factor)).astype(output.dtype)
