"""Special values: cases whose numbers or sizes only NaN, infinity, zero, ties or an empty batch can test.

Each is the ordinary case of the formula's first signature with a few values put in by hand, or with other sizes: those
of its longest rows, or sizes that are special themselves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nnparity.spec import shapes
from nnparity.spec.cases.case import Case
from nnparity.spec.cases.datasets import Stream
from nnparity.spec.cases.degenerate import PATTERNS, degenerate, dimensions, equal_sizes, size_one
from nnparity.spec.dtypes import DTYPES, Dtype
from nnparity.spec.loader import signatures
from nnparity.spec.schema import Formula, Permit, Signature

Array = NDArray[Any]
#: The case of several NaN, and how many there are beside the one in the last place: of so many numbers one, at most.
SEVERAL, DRAWN = "several nan", 8
#: Numbers of an input of which some are NaN, at most: a body of whole vectors and blocks, and a tail.
WIDE = 2**14
#: The case of rows of NaN among others: their number and length, past a block of 32 by an odd number.
ROWS, ROWS_PAST, WIDTH_PAST = "nan rows", 35, 33
#: The case of inputs that are the constants that they begin as, and that of which all dimensions are equal.
BEGINNING, EQUAL = "initial constants", "equal sizes"
#: That of rows of which whole blocks are masked.
BLOCKS = "masked blocks"
#: That of rows of logits that are all far below 0.
NEGATIVE = "very negative logits"
#: Names of the first axis when its elements are independent samples.
BATCH = ("n", "b")
#: How many numbers of a row count where whole blocks of it are masked: in 133 are 128 before them, in 263 256.
LEFT = 5
#: So many of the digits are not in a very negative logit: for EXACT_WIDTH of them, a bias, and a difference of two.
SPARE = 6
#: A width whose root, by which scores are divided, is a power of 2: then they are exact.
EXACT_WIDTH = 16


def nan(x: Array, domain: str, dtype: Dtype) -> None:
    """A NaN in the first place."""
    x.flat[0] = np.nan


def several_nan(x: Array, domain: str, dtype: Dtype) -> None:
    """NaN in some drawn places and in the last: in the body of an array and its tail, anywhere in a window."""
    places = Stream(f"nan/{x.shape}").integers((min(DRAWN, x.size // DRAWN),), x.size)
    x.flat[places], x.flat[-1] = np.nan, np.nan


def nan_rows(x: Array, domain: str, dtype: Dtype) -> None:
    """Every second row: what reads past the end of a row, and multiplies by zeros what it finds, meets them."""
    x[..., 1::2, :] = np.nan


def infinity(x: Array, domain: str, dtype: Dtype) -> None:
    """+Inf in the first place, -Inf in the last."""
    x.flat[-1], x.flat[0] = -np.inf, np.inf


def zeros(x: Array, domain: str, dtype: Dtype) -> None:
    """Every fourth number +0, every fourth -0; a probability of 0 and one of 1, a row that is sure of its class."""
    if domain == "distribution":
        np.atleast_2d(x)[..., 0, :] = np.eye(1, x.shape[-1])
    elif domain == "probability":
        x.flat[0], x.flat[-1] = 0.0, 1.0
    elif domain == "positive":
        x.flat[0] = 0.0
    else:
        x.flat[::4], x.flat[2::4] = 0.0, -0.0


def largest(x: Array, domain: str, dtype: Dtype) -> None:
    """The largest finite number in the first place, its negative in the last of the first sample: others have none.

    The weights beside it are an eighth of the ordinary ones, all below a half: no product and no sum of two of them
    overflows, so that a linear map and a gate have an answer. What overflows is a square, or a score.
    """
    sample = x[0] if x.ndim > 1 else x
    sample.flat[-1], sample.flat[0] = -dtype.largest, dtype.largest


def subnormal(x: Array, domain: str, dtype: Dtype) -> None:
    """Every number below the smallest normal one, and none 0: what is permitted at 0 is asked for by `zeros`.

    What rounds to 0 is the smallest number of its sign: bfloat16 has 16 of them up to an eighth of the normal one.
    """
    small = (x.astype(np.float64) * (dtype.tiny / 8)).astype(x.dtype).astype(np.float64)
    x[...] = np.where(small == 0, np.copysign(dtype.step, small), small).astype(x.dtype)


def ties(x: Array, domain: str, dtype: Dtype) -> None:
    """Only -1, 0 and 1: maxima with equals, corners of ReLU and of |w|."""
    x[...] = np.clip(np.rint(x.astype(np.float64)), -1, 1).astype(x.dtype)


def masked(x: Array, domain: str, dtype: Dtype) -> None:
    """-Inf in every second column: those that do not count."""
    x[..., 1::2] = -np.inf


def all_masked(x: Array, domain: str, dtype: Dtype) -> None:
    """A first row of nothing but -Inf, or of nothing but padding."""
    x[0] = 0 if domain == "mask" else -np.inf


def all_nan(x: Array, domain: str, dtype: Dtype) -> None:
    """A first sample of nothing but NaN: whoever passes it over has no number left that it may answer."""
    x[0] = np.nan


def masked_blocks(x: Array, domain: str, dtype: Dtype) -> None:
    """All masked but the last few of the first row, and all but the first few of the second.

    So that whole blocks of it are, whatever their size: a block's maximum is then -Inf, and e^(-Inf + Inf) NaN.
    """
    if domain == "mask":
        x[:2] = 1
    x[0, :-LEFT] = x[1, LEFT:] = 0 if domain == "mask" else -np.inf


def very_negative(x: Array, domain: str, dtype: Dtype) -> None:
    """Every number -2^18, in float16 -2^5, in bfloat16 -2^2: a maximum that begins with -10,000 finds none.

    Beside keys of one sum, as of attention, scores are four times as low, alike and exact, with digits to spare; in
    float64 too of a target that computes in float32.
    """
    x[...] = -(2.0 ** (min(dtype.digits, DTYPES["float32"].digits) - SPARE))


def of_one_sum(x: Array, domain: str, dtype: Dtype) -> None:
    """Rows of 1, but for a 2 and the 0 behind it, each in other places."""
    rows, width = x.shape[-2:]
    x[...] = 1.0 + np.eye(rows, width) - np.eye(rows, width, 1)


def unchanged(x: Array, domain: str, dtype: Dtype) -> None:
    """Only the sizes are special."""


def resized(formula: Formula, signature: Signature, dims: dict[str, int]) -> Signature:
    """The signature with other sizes, and the id that says so."""
    dims = signature.dims | dims
    shown = "".join(f"{name}{size}" for name, size in dims.items())
    told = signature.id.partition("-")[2]
    return msgspec.structs.replace(signature, id=f"{shown}-{told}" if told else shown, dims=dims)


def batch(formula: Formula) -> str | None:
    """The symbol of the axis of samples, the first of the first input; None when there is none.

    Those of a graph are none: a matrix of its edges has the axis twice, and whoever names a sample by its number needs
    all of them.
    """
    first = next(iter(formula.inputs.values()), "").split(" ")[0]
    of_samples = all(_at_most_once(first, text) for text in (*formula.inputs.values(), *formula.results.values()))
    numbered = any(first in shapes.symbols(told.partition(" ")[2]) for told in formula.domains.values())
    return first if first in BATCH and of_samples and not numbered else None


def _at_most_once(symbol: str, text: str) -> bool:
    """Whether at most one axis of the shape is of it, and just as long: neither ``n n`` nor ``n-1``."""
    return shapes.ordered(text).count(symbol) == text.split().count(symbol) <= 1


def empty(formula: Formula) -> dict[str, int] | None:
    """No sample at all."""
    axis = batch(formula)
    return {axis: 0} if axis else None


def longest_rows(formula: Formula) -> dict[str, int]:
    """Those of its sizes of which a row of what is masked is the longest, of every dtype where there are such."""
    axis = formula.inputs[changed(formula, BLOCKS)[0]].split()[-1]
    return max(signatures(formula), key=lambda one: (not one.dtypes, one.dims[axis])).dims


def widest(formula: Formula) -> dict[str, int] | None:
    """Those of its sizes of which the first input has the most numbers, up to `WIDE`; other cases have them too.

    None where that input is no numbers that may be NaN.
    """
    if not changed(formula, SEVERAL):
        return None
    own = [one for one in signatures(formula) if one.attributes == signatures(formula)[0].attributes]
    shape = formula.inputs[changed(formula, SEVERAL)[0]]
    numbers = {one.id: shapes.elements((shape,), one.sizes) for one in own}
    return max(own, key=lambda one: numbers[one.id] if numbers[one.id] <= WIDE else 0).dims


def past_blocks(formula: Formula) -> dict[str, int]:
    """Rows of an odd length, and so many of them, of the input that has rows of NaN."""
    return dict(zip(_row_axes(formula), (ROWS_PAST, WIDTH_PAST), strict=True))


def _row_axes(formula: Formula) -> list[str]:
    """Those that count the rows that would be NaN, and the numbers in each; fewer where there are no rows."""
    into = changed(formula, ROWS)
    return formula.inputs[into[0]].split()[-2:] if into else []


def exact_width(formula: Formula) -> dict[str, int] | None:
    """A width whose root is exact, where queries meet keys: of the signatures' own one, where there is one.

    Elsewhere all sizes are equal, a power of 2: so are the weights.
    """
    factors = [formula.inputs[name].split()[-1] for name in changed(formula, NEGATIVE)]
    if len(factors) < 2:
        return equal_sizes(formula)
    own = (one.dims for one in signatures(formula) if one.dims[factors[0]] == EXACT_WIDTH)
    kinds = formula.pool.sizes if formula.pool else {factors[0]: "width"}
    return next(own, {symbol: EXACT_WIDTH for symbol, kind in kinds.items() if kind == "width"})


Put = Callable[[Array, str, Dtype], None]


@dataclass(frozen=True)
class Special:
    """What is put in, into which of the formula's float inputs (by place), of which domains; other sizes."""

    #: None where the formula itself says what an input is.
    put: Put | None = unchanged
    into: Callable[[int], bool] = lambda place: True
    domains: tuple[str, ...] = ()
    sizes: Callable[[Formula], dict[str, int] | None] | None = None
    usual: bool = True
    #: What the other real inputs are multiplied by, a power of 2 or 0: a case of that is of formulas that have others.
    scale: float = 1.0
    #: What is put into those behind the first instead.
    then: Put | None = None
    #: The special dataset whose permits hold for it where the formula has none of its own.
    like: str = ""
    #: Whether of several numbers of a kind one thing is made: what a vector's body makes of them and its tail does not
    #: is no answer of either.
    alike: bool = False

    @property
    def structural(self) -> bool:
        """Whether it is of sizes alone, of which nothing depends on the dtype."""
        return self.put is unchanged


def _first(place: int) -> bool:
    return place == 0


def _first_two(place: int) -> bool:
    return place < 2


def _others(place: int) -> bool:
    return place > 0


REAL = ("real",)
#: Targets of a loss stay what they are: a distribution.
FLOATS = ("real", "positive", "probability", "distribution")
SPECIALS: dict[str, Special] = {
    "nan": Special(nan, _first, FLOATS),
    "nan in others": Special(nan, _others, FLOATS),
    SEVERAL: Special(several_nan, _first, FLOATS, sizes=widest, like="nan", alike=True),
    ROWS: Special(nan_rows, _first, REAL, sizes=past_blocks, usual=False, like="nan", alike=True),
    BEGINNING: Special(None),
    "infinity": Special(infinity, _first, REAL),
    "infinity in others": Special(infinity, _others, REAL),
    "infinity times zeros": Special(infinity, _first, REAL, scale=0.0, like="infinity"),
    "zeros times infinity": Special(infinity, _others, REAL, scale=0.0, like="infinity in others"),
    "zeros": Special(zeros, domains=FLOATS, like="ties"),
    "largest": Special(largest, _first, REAL, scale=0.125),
    "subnormal": Special(subnormal, domains=("real", "positive", "probability"), like="ties"),
    "ties": Special(ties, domains=REAL, usual=False),
    "masked": Special(masked, _first, REAL, usual=False),
    "all masked": Special(all_masked, _first, ("real", "mask"), usual=False, like="ties"),
    "all nan": Special(all_nan, _first, REAL, usual=False),
    BLOCKS: Special(masked_blocks, _first, ("real", "mask"), sizes=longest_rows, usual=False),
    NEGATIVE: Special(very_negative, _first_two, REAL, sizes=exact_width, usual=False, then=of_one_sum),
    "empty": Special(sizes=empty),
    "size one": Special(sizes=size_one),
    EQUAL: Special(sizes=equal_sizes),
}


def special(name: str) -> Special:
    """What a special dataset puts in; of those that name a dimension or an attribute, nothing."""
    return SPECIALS.get(name) or Special()


def is_special(dataset: str) -> bool:
    """Whether a dataset is a special one."""
    return dataset in SPECIALS or any(fnmatchcase(dataset, pattern) for pattern in PATTERNS)


def permitted(formula: Formula, dataset: str) -> tuple[Permit, ...]:
    """What is right where the formula does not decide."""
    return formula.permits.get(dataset) or formula.permits.get(special(dataset).like, ())


def unknown(formula: Formula) -> Iterator[tuple[str, str]]:
    """Special datasets that a formula speaks of and cannot have, as (field, what is wrong)."""
    for field, names in (("specials", formula.specials), ("permits", tuple(formula.permits))):
        for name in names:
            if name not in SPECIALS:
                yield field, f"no special dataset is called {name!r}; there are {', '.join(SPECIALS)}"
            elif name == ROWS and len(set(_row_axes(formula)) & set(dimensions(formula))) < 2:
                yield field, f"{name!r} are of a first real input whose last two axes are sizes of their own"


def changed(formula: Formula, name: str) -> list[str]:
    """The inputs that the special dataset `name` puts something into."""
    special = SPECIALS[name]
    if name == "subnormal":
        return list(formula.subnormal or _first_order(formula))
    if "mask" in special.domains and (mask := [one for one in formula.inputs if formula.domain(one) == "mask"]):
        return mask
    if name == BEGINNING:
        return list(formula.begins)
    floats = [one for one in formula.inputs if not formula.integer(one)]
    fit = [formula.domain(one) in special.domains for one in floats]
    return [one for place, one in enumerate(floats) if fit[place] and special.into(place)]


def _first_order(formula: Formula) -> Iterator[str]:
    """The first float input and the vectors: with ordinary weights, a result is then as small as they are."""
    reals = [name for name in formula.inputs if formula.domain(name) in SPECIALS["subnormal"].domains]
    return (name for place, name in enumerate(reals) if place == 0 or len(formula.inputs[name].split()) == 1)


class SpecialCase(Case):
    """The ordinary case with what its dataset, one of SPECIALS, puts in."""

    def _input(self, place: int, name: str) -> Array:
        ordinary = Case(self.formula, self.signature, "normal", self.dtype, self.salt)._input(place, name)
        own = special(self.dataset)
        if own.structural:
            return ordinary
        into = changed(self.formula, self.dataset)
        numbers = self._numbers_rows(name, into)
        if not ordinary.size or not (name in into or numbers or self._scaled(name, own)):
            return ordinary
        array = np.array(ordinary)
        if numbers:  # what is put into the first row and the last tells nothing where nobody takes those
            array.flat[-1], array.flat[0] = self.signature.dims[numbers] - 1, 0
        elif name in into:
            put = own.then if own.then and name != into[0] else own.put
            if put:
                put(array, self.formula.domain(name), self.dtype)
            else:
                array[...] = self.formula.begins[name]
        else:
            array *= np.asarray(own.scale, array.dtype)
        array.flags.writeable = False
        return array

    def _numbers_rows(self, name: str, into: list[str]) -> str:
        """How many rows, as a symbol, an input has that something is put into, where those labels are their numbers."""
        domain, _, bound = self.formula.domains.get(name, "").partition(" ")
        rows = [self.formula.inputs[one].split(" ")[0] for one in into]
        return bound if domain == "label" and bound in rows else ""

    def _scaled(self, name: str, own: Special) -> bool:
        return own.scale != 1 and not self.formula.integer(name) and self.formula.domain(name) in REAL


def specials_of(formula: Formula) -> list[str]:
    """The special datasets that say something about this formula."""
    chosen = [name for name, special in SPECIALS.items() if special.usual or name in formula.specials]
    fit = [
        name
        for name in chosen
        if _sizes(formula, name) is not None
        and (SPECIALS[name].sizes or changed(formula, name))
        and (SPECIALS[name].scale or _multiplied(formula, name))
    ]
    return [*fit, *degenerate(formula)]


def _multiplied(formula: Formula, name: str) -> bool:
    """Whether there are others to multiply; what is not differentiated is a step, which multiplies by its constants."""
    into = changed(formula, name)
    return bool(formula.wrt) and any(formula.domain(one) in REAL for one in formula.inputs if one not in into)


def _sizes(formula: Formula, name: str) -> dict[str, int] | None:
    sizes = SPECIALS[name].sizes
    return sizes(formula) if sizes else {}


def special_case(formula: Formula, name: str, dtype: str, salt: str = "") -> SpecialCase:
    """The case of one special dataset, one of `specials_of`."""
    own = None if name in SPECIALS else degenerate(formula).get(name)
    own = own or resized(formula, signatures(formula)[0], _sizes(formula, name) or {})
    return SpecialCase(formula, own, name, DTYPES[dtype], salt)
