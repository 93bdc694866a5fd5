"""Many numbers of a case as the lines that draw them: the spec's own, taken out of it, instead of the numbers.

They follow from the case's id by arithmetic that is the same everywhere. Few numbers stand in the script themselves.
"""

import inspect
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnparity.reproduce.writing.literals import written
from nnparity.reproduce.writing.sources import Extraction, module
from nnparity.spec import Case, shapes
from nnparity.spec.cases import datasets

#: So many numbers stand in a script themselves in all; of an array so many, however many others there are.
READABLE, FEW = 64, 8
#: What belongs to an input, a cotangent and a tangent in the names of the streams that they are drawn from.
INPUT, COTANGENT, TANGENT = "x", "g", "v"
BFLOAT16 = '''
def bfloat16(values):
    """Rounded to eight significant bits, ties to even."""
    mantissa, exponent = np.frexp(values)
    return np.float32(np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8))
'''
#: What a script calls the name that the streams of a case begin with.
NAME = "CASE"
ROUNDED = {
    "float64": "{}",
    "float32": "{}.astype(np.float32)",
    "float16": "{}.astype(np.float16)",
    "bfloat16": "bfloat16({})",
}


@dataclass(eq=False)
class Drawing:
    """The numbers of a case, as text; what draws them is added to what was taken out already."""

    #: The ordinary case that they are drawn by; None where they come from elsewhere.
    case: Case | None
    taken: Extraction
    #: How many numbers the script has in all.
    total: int
    #: Whether some are drawn.
    drawn: bool = False

    @property
    def head(self) -> str:
        """The name, where something is drawn by it."""
        case = self.case
        return f"{NAME} = {f'{case.salt}/{case.id}'!r}" if case and self.drawn else ""

    def written(self, role: str, name: str, array: NDArray[Any]) -> str:
        """An expression of the array: its numbers while they are few, or where they are drawn in another way."""
        few = array.size <= FEW or self.total <= READABLE or array.dtype.kind in "iub"
        drawn = self._drawn(self.case, role, name, array.shape) if self.case and not few else None
        self.drawn |= bool(drawn)
        return drawn or written(array)

    def _drawn(self, case: Case, role: str, name: str, shape: tuple[int, ...]) -> str | None:
        values = self._input(case, name, shape) if role == INPUT else self._direction(case, role, name, shape)
        return ROUNDED[case.dtype.name].format(values) if values else None

    def _input(self, case: Case, name: str, shape: tuple[int, ...]) -> str | None:
        domain, *words = case.formula.domains.get(name, "real").split()
        if datasets.sampled(case.dataset, domain) or case.dataset == "as_printed":
            return None
        drawn = self._values(case, name, shape, datasets.DATASETS[case.dataset])
        bound = shapes.evaluate(words[0], case.signature.dims)[0] if words else 0
        match domain:
            case "real":
                return drawn
            case "weight":
                return f"({drawn} / math.sqrt({bound}))"
            case "positive":
                return f"np.abs({drawn})"
            case "probability":
                above, below = datasets.nearest(case.dataset, case.dtype)
                return f"{self._taken('_probability')}({drawn}, {above}, {below})"
            case _:
                inside = f"{self._taken('_into')}({domain!r}, {bound}, {drawn})"
                return f"{self._taken('_weighted')}({inside})" if datasets.weighted(case.dataset, domain) else inside

    def _values(self, case: Case, name: str, shape: tuple[int, ...], draw: datasets.Draw) -> str:
        stream = self._stream(INPUT, name)
        if draw is datasets.normal:
            return f"{stream}.normal({shape})"
        place = list(case.formula.inputs).index(name)
        return f"{self._taken(draw.__name__)}({stream}, {shape}, {self._dtype(case, draw)}, {place})"

    def _direction(self, case: Case, role: str, name: str, shape: tuple[int, ...]) -> str | None:
        """A cotangent or a tangent: numbers of size 1, but for the cotangents of two datasets."""
        normal = f"{self._stream(role, name)}.normal({shape})"
        if role == TANGENT or case.dataset not in ("integers", "one_sided"):
            return normal
        return f"(1.0 - np.abs({normal}) / 16.0)" if case.dataset == "one_sided" else None

    def _stream(self, role: str, name: str) -> str:
        return f"{self._taken('Stream')}({NAME} + '/{role}.{name}')"

    def _taken(self, name: str) -> str:
        return self.taken.outer(module(datasets.__name__), name)

    def _dtype(self, case: Case, draw: datasets.Draw) -> str:
        """The format's constants, for those that draw by them."""
        if "dtype" not in inspect.getsource(draw).partition("->")[2]:
            return "None"
        self.taken.need("import types")
        told = ", ".join(f"{name}={getattr(case.dtype, name)!r}" for name in ("digits", "unit", "tiny", "largest"))
        return f"types.SimpleNamespace({told})"
