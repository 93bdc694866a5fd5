"""A model as the target of a process of its own: made by a factory, watched, and run again layer by layer.

A request for the formula `RUN` answers with all layers (see `layer.packed`), one for `AGAIN` with what a layer returns
for other inputs.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from nnparity.adapters.base import Adapter
from nnparity.adapters.capture.layer import packed
from nnparity.adapters.capture.model import Watched
from nnparity.adapters.kernel import Operation, Point, Tensors, Unsupported
from nnparity.adapters.request import Array, Observation, Request
from nnparity.adapters.traceback import lines_in, located
from nnparity.spec.usage import UsageError

RUN, AGAIN = "run the model", "run a layer again"
#: Attributes of the requests: whether inputs are keywords, and which layer.
NAMED, PLACE = "named", "place"
#: Where the worker finds the class below.
TARGET = "nnparity.adapters.capture.process:ModelAdapter"


class ModelAdapter(Adapter):
    """A model; its mode is the name of its factory."""

    backend = "model"
    packages = ()
    second_order = "none: a model is run forward"

    def __init__(self, device: str = "cpu", mode: str = "") -> None:
        """Makes the model. Raises UsageError where the factory is not there, or gives none."""
        super().__init__(device)
        self._watched = Watched(_made(mode))

    @classmethod
    def devices(cls) -> list[str]:
        return ["cpu"]

    def observe(self, request: Request) -> Observation:
        """All arrays of all layers, or what one of them returns."""
        if request.formula == AGAIN:
            return dict(self._watched.again(request.attributes[PLACE], request.inputs))
        named = request.attributes[NAMED]
        return dict(packed(self._watched.run(request.inputs if named else list(request.inputs.values()))))

    def put(self, array: Array) -> Array:
        return array

    def get(self, tensor: Any) -> Array:
        return tensor

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        raise Unsupported(self.second_order)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        raise Unsupported(self.second_order)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        raise Unsupported(self.second_order)


def _made(name: str) -> Any:
    """What the factory of that name returns; what it raises is told with the lines of its file."""
    try:
        return factory(name)()
    except Exception as error:
        place = name.rpartition(":")[0]
        file = getattr(sys.modules.get(place), "__file__", None) or str(Path(place).resolve())
        for line, function in lines_in(error, file):
            error.add_note(located(file, line, function))
        raise


def factory(name: str) -> Any:
    """The callable at ``module:function`` or ``file.py:function``. Raises UsageError."""
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise UsageError(f"{name!r} names no factory: expected module:function or file.py:function")
    module = _from_file(Path(place)) if place.endswith(".py") else _imported(place)
    found = getattr(module, attribute, None)
    if not callable(found):
        raise UsageError(f"{place} has no function {attribute!r} that makes a model")
    return found


def _imported(name: str) -> Any:
    """As `python -m` would find it: from the folder one is in, too."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise UsageError(f"there is no module {name!r}: {error}") from error
        raise


def _from_file(path: Path) -> Any:
    """As `python file.py` would: its folder is searched first."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module
