"""Models in processes of their own, each made there by a factory that is named: two frameworks never share one."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from nnparity.adapters.capture.layer import TOLD, Layer, unpacked
from nnparity.adapters.capture.model import Inputs
from nnparity.adapters.capture.process import AGAIN, NAMED, PLACE, RUN, TARGET
from nnparity.adapters.request import Array, Failure, Request
from nnparity.execute.observer import Observer, TargetUnavailable
from nnparity.porting.comparison import compared
from nnparity.porting.connections import masks_of
from nnparity.porting.result import Ported
from nnparity.spec.usage import UsageError


class Remote:
    """A model in another process."""

    def __init__(self, factory: str, timeout: float) -> None:
        """Raises TargetUnavailable where the model cannot be made."""
        self.factory = factory
        try:
            self._observer = Observer(TARGET, mode=factory, timeout=timeout)
        except TargetUnavailable as error:  # which calls it by the name of an adapter that nobody has named
            told = str(error).removeprefix(f"{TARGET}:cpu:{factory}: ").removeprefix("UsageError: ")
            raise TargetUnavailable(f"{factory}: {told}") from error

    def run(self, inputs: Inputs) -> list[Layer]:
        """All its layers. Raises UsageError with what was raised there."""
        named = isinstance(inputs, Mapping)
        arrays = dict(inputs) if isinstance(inputs, Mapping) else {str(i): x for i, x in enumerate(inputs)}
        found = self._asked(Request(RUN, arrays, {NAMED: named}))
        if TOLD not in found:
            raise UsageError(f"{self.factory} could not be run: {_said(found)}")
        return unpacked(found)

    def again(self, place: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What a layer returns for other inputs. Raises RuntimeError with what was raised there."""
        found = self._asked(Request(AGAIN, dict(inputs), {PLACE: place}))
        if not found or any(isinstance(one, Failure) for one in found.values()):
            raise RuntimeError(_said(found))
        return found

    def _asked(self, request: Request) -> dict[str, Any]:
        self._observer.submit([request])
        (observed,) = self._observer.collect()
        return dict(observed.observation) or {"": Failure("error", f"{observed.fate}: {observed.message}")}

    def close(self) -> None:
        """Ends the process."""
        self._observer.close()


def _said(found: Mapping[str, Any]) -> str:
    return next((one.message for one in found.values() if isinstance(one, Failure)), "it returned nothing")


def ported(
    a: str,
    b: str,
    inputs: Inputs,
    b_inputs: Inputs | None = None,
    match: Mapping[str, str] | None = None,
    timeout: float = 120.0,
) -> Ported:
    """As `port`, of models that two factories make, one process after the other."""
    with _running(a, timeout) as one:
        layers = one.run(inputs)
    with _running(b, timeout) as other:
        seen = other.run(inputs if b_inputs is None else b_inputs)
        return compared(layers, seen, other, match, masks_of(inputs))


@contextlib.contextmanager
def _running(factory: str, timeout: float) -> Iterator[Remote]:
    with contextlib.closing(Remote(factory, timeout)) as made:
        yield made
