"""How the values of a case are drawn: from its id alone, the same on every machine.

A counter-based generator (Philox) is keyed by a hash of the id, and only its raw bits are used: NumPy promises
those for ever, but not its distributions. What follows is IEEE arithmetic that rounds alike everywhere
(no library function whose last bit depends on the machine).
"""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

from nnparity.spec.cases import samples
from nnparity.spec.dtypes import Dtype

Array = NDArray[np.float64]
#: The name of this scheme, stored with every run; a change of the numbers is a new name.
SCHEME = "philox-blake2b-1"
#: Drawn as `normal`. Of the first, cotangents are a little below 1: a sum outgrows them, and in few digits stops at
#: 1/u. Of the second, targets are times the weight of their sample, see `_weighted`: who takes them to add up to 1 is
#: wrong. Of the third, labels are the last and the first in turn: which a sentinel such as -1 may be taken for.
ONE_SIDED, WEIGHTED_TARGETS, ENDS = "one_sided", "weighted_targets", "ends"


class _Key(ISeedSequence):
    """The key of a generator as it is. One that is given as a number has a seed drawn first, which takes far longer."""

    def __init__(self, digest: bytes) -> None:
        self._words = np.frombuffer(digest, np.dtype("<u8"))

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[Any]:
        """The two words of the key."""
        if (n_words, np.dtype(dtype)) != (2, np.uint64):
            raise ValueError(f"a key is two words of 64 bits, not {n_words} of {np.dtype(dtype)}")
        return self._words.astype(np.uint64)


class Stream:
    """Uniform numbers from the counter-based generator keyed by `key`."""

    def __init__(self, key: str) -> None:
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        self._bits = np.random.Philox(_Key(digest))  # type: ignore[arg-type]  # a sequence of seeds, as any

    def uniform(self, shape: tuple[int, ...]) -> Array:
        """Multiples of 2^-53 in [0, 1)."""
        raw: NDArray[np.uint64] = self._bits.random_raw(math.prod(shape))
        return np.asarray((raw >> np.uint64(11)) * 2.0**-53, dtype=np.float64).reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> Array:
        """Mean 0, variance 1: a sum of four uniforms, which ends at 3.5 and is exactly repeatable."""
        first, second, third, fourth = self.uniform((4, *shape))
        return np.asarray((first + second + third + fourth - 2.0) * math.sqrt(3.0))

    def integers(self, shape: tuple[int, ...], bound: int) -> NDArray[np.int64]:
        """Whole numbers from 0 to bound - 1."""
        return np.floor(self.uniform(shape) * bound).astype(np.int64)


def normal(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1."""
    return stream.normal(shape)


def small(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1e-3: absolute tolerances see nothing here."""
    return stream.normal(shape) * 1e-3


def large(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 24: saturates gates and softmax, without overflow in float16."""
    return stream.normal(shape) * 24.0


def wide(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Exponents evenly over 2^-e to 2^e: e = 8, whose e^x fits float64; 3 in float16, where products overflow."""
    reach = min(8, int(math.log2(dtype.largest)) // 4)
    exponent = np.floor(stream.uniform(shape) * (2 * reach + 1)).astype(np.int64) - reach
    sign = np.where(stream.uniform(shape) < 0.5, -1.0, 1.0)
    return sign * np.ldexp(1.0 + stream.uniform(shape), exponent)


def cancelling(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Neighbours of the last axis nearly cancel in sums and products: the first input alternates in sign."""
    values = stream.normal(shape)
    if not shape or shape[-1] < 2:
        return values
    even = shape[-1] // 2 * 2
    twin = values[..., 0:even:2] * (1.0 + stream.normal(values[..., 0:even:2].shape) * 2.0**-6)
    values[..., 1:even:2] = -twin if place == 0 else twin
    return values


def image(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Pixels from 0 to 1 with an edge, a slope that differs by axis and channel, and grain; no constant image."""
    if len(shape) != 4 or place:
        return stream.normal(shape)
    n, c, h, w = shape
    slope = stream.uniform((n, c, 1, 1)) * np.arange(h)[:, None] / h + stream.uniform((n, c, 1, 1)) * np.arange(w) / w
    edge = (np.arange(w) > w // 3) * 0.25
    return (slope + edge + 0.25 * stream.uniform(shape)) / 2.5


def onehot(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Targets with a single 1, against rows whose entries differ by up to 2^16: tiny probabilities."""
    if place and shape:
        chosen = stream.integers((*shape[:-1], 1), shape[-1])
        return np.where(np.arange(shape[-1]) == chosen, 1.0, 0.0)
    exponent = np.floor(stream.uniform(shape) * 17).astype(np.int64) - 12
    return np.ldexp(1.0 + stream.uniform(shape), exponent)


def offset(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The first input lies 1,000 deviations from 0; in half precision fewer, or its numbers would be equal."""
    values = stream.normal(shape)
    return values if place else values + min(1000.0, 1 / (16 * dtype.unit))


def integers(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Whole numbers whose products add up exactly, 4,096 of them; in half precision -1, 0 and 1."""
    return whole(stream, shape, dtype)


def whole(stream: Stream, shape: tuple[int, ...], dtype: Dtype) -> Array:
    """Whole numbers from -r to r, where 4,096 r^2 is below 2^digits, but r at least 1."""
    reach = 1 << max((dtype.digits - 12) // 2, 0)
    return (stream.integers(shape, 2 * reach + 1) - reach).astype(np.float64)


def spike(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1, but for one number of each row, which lies half of the dtype's digits above."""
    chosen = stream.integers((*shape[:-1], 1), shape[-1] if shape else 1)
    there = np.arange(shape[-1]) == chosen if shape else np.array(False)
    return stream.normal(shape) * np.where(there, 2.0 ** (dtype.digits // 2), 1.0)


def near_equal(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The numbers of a matrix agree to half of the dtype's digits: logits that are all but equal."""
    around = 1.0 + stream.uniform((*shape[:-2], *(1 for _ in shape[-2:])))
    return around + stream.normal(shape) * 2.0 ** -(dtype.digits // 2)


def constant_rows(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Each row of the first input is one whole number of half the dtype's digits: the variance is 0, epsilon divides.

    So the square of the mean has all digits there are, and who subtracts it from the mean of squares has none left.
    """
    if place or not shape:
        return stream.normal(shape)
    most = 1 << dtype.digits // 2
    return np.broadcast_to(most - 1.0 - stream.integers((*shape[:-1], 1), most // 4), shape)


def levels(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Rows of the first input lie so far from each other that e^x of one is 0 beside the other's: each has its own."""
    values = stream.normal(shape)
    if place or len(shape) < 2:
        return values
    return values + np.where(np.arange(shape[-2]) % 2, 1.0, -1.0)[:, None] * _far(dtype)


def peaks(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """One number of each row of the first input lies far above the others: the last of one row, the first of the next.

    There a block or a tail begins, and e^x of it overflows where it has no part in what is taken for the largest.
    """
    if place or not shape:
        return stream.normal(shape)
    peak = np.arange(shape[-1]) == in_turn(shape[:-1], shape[-1])[..., None]
    return stream.normal(shape) + np.where(peak, _far(dtype), 0.0)


def _far(dtype: Dtype) -> float:
    """How far e^x is 0 beside 1; narrow formats compute in float32, where e^-104 is."""
    return 128.0 if dtype.digits <= 24 else 1024.0


def saturated(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The first input is of size 4: most gates are open or closed, and none so far that its exponential underflows."""
    return stream.normal(shape) * (1.0 if place else 4.0)


def unsigned(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1 without a sign: nothing cancels, gates are open, and what a cell state adds up grows with every step."""
    return np.abs(stream.normal(shape))


def confident(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Odds from 1 to 2^21, for or against: probabilities next to 0 and 1, as of a model that is sure.

    To 2^6 in float16, which no more holds the square of 1/p that second derivatives have.
    """
    return signed(stream, stream.integers(shape, min(21, (math.frexp(dtype.largest)[1] - 4) // 2)))


def initial(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The first input has size 1, matrices shrink with the root of their longer side, as when training begins."""
    return stream.normal(shape) / (math.sqrt(max(*shape[-2:], 1)) if place and len(shape) > 1 else 1.0)


def zero_weights(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The first two inputs, which are samples, have size 1, and parameters are 0: so is what a critic makes of samples.

    Where |z| has its corner, which a stable form of a loss has with it, the loss has none.
    """
    return stream.normal(shape) * (1.0 if place < 2 else 0.0)


def sparse_gradient(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1; the gradient, an optimiser's fourth input, is 0 of every second parameter, beginning with the first.

    So are those of the rows of a table that a batch took nothing from. Their running means are not 0.
    """
    taken = np.arange(math.prod(shape)).reshape(shape) % 2 == 1
    return np.where(taken | (place < 3), stream.normal(shape), 0.0)


def first_step(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1; an optimiser's running means are 0, and gradients reach to 2^-13: their squares may underflow."""
    return signed(stream, -stream.integers(shape, 14)) if place == 3 else stream.normal(shape) * float(place == 0)


def well_classified(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The logit of a sample's class lies 10 above the others; classes follow one another.

    Losses and gradients are as small as those of a model that has learnt, and none is 0.
    """
    if not shape:
        return stream.normal(shape)
    own = np.arange(shape[-1]) == in_order(shape[:-1], shape[-1])[..., None]
    return np.where(own, 1.0, 0.0) if place else 10.0 * own + stream.normal(shape) / 8.0


def in_order(shape: tuple[int, ...], bound: int) -> NDArray[np.int64]:
    """0, 1, 2 ... up to the bound, and again."""
    return (np.arange(math.prod(shape)) % max(bound, 1)).reshape(shape)


def in_turn(shape: tuple[int, ...], bound: int) -> NDArray[np.int64]:
    """The last below the bound, the first, and again."""
    return np.where(in_order(shape, 2) == 0, max(bound - 1, 0), 0)


def large_cells(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Size 1, but the third input, the state of an LSTM's cells, is of size 512: tanh has ended, and e^c overflows."""
    return stream.normal(shape) * (512.0 if place == 2 else 1.0)


def masked_above(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Every second key is masked, and would have a score of more than 10,000: to add -10,000 does not take it out.

    That holds for heads of a width up to 8, whose products of query and key float16 has as well.
    """
    if place > 1 or len(shape) < 2:
        return stream.normal(shape)
    size = math.sqrt(2.0**15 / max(shape[-1], 1))
    values = size * (1.0 + stream.uniform(shape) / 4.0)
    return np.where((np.arange(shape[-2]) % 2 == 0)[:, None], stream.normal(shape) / size, values) if place else values


def rising(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """The score of each key lies about 128 above that of the one before it, and e^-104 is 0 in float32.

    Where keys that are not seen take part in a row's maximum, all that are seen have the weight 0.
    """
    if place > 1 or len(shape) < 2:
        return stream.normal(shape)
    height = 128.0 * np.arange(shape[-2])[:, None] / math.sqrt(max(shape[-1], 1))
    return (1.0 + stream.uniform(shape) / 8.0) * (height if place else 1.0)


def tied(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """-1, 0 and 1 alone: of what a maximum is taken, several are the largest."""
    return np.asarray(stream.integers(shape, 3) - 1.0)


def converged(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Around 1, all inputs alike to half of their digits, as what a model has learnt and its targets.

    In half precision to three quarters. Nearer, squares of differences would be small whole numbers of one unit: those
    leave 0 or 1 divided by 4, and a sum that counts in fours rounds them down, all of them.
    """
    return 1.0 + stream.normal(shape) * 2.0 ** -(dtype.digits // 2 if dtype.digits >= 24 else dtype.digits * 3 // 4)


def whole_range(stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int) -> Array:
    """Exponents evenly from the smallest normal number to a sixteenth of the largest."""
    least, most = math.frexp(dtype.tiny)[1], math.frexp(dtype.largest)[1] - 5
    return signed(stream, stream.integers(shape, most - least) + least)


def signed(stream: Stream, exponent: NDArray[np.int64]) -> Array:
    """Numbers of these exponents, of either sign."""
    sign = np.where(stream.uniform(exponent.shape) < 0.5, -1.0, 1.0)
    return sign * np.ldexp(1.0 + stream.uniform(exponent.shape), exponent)


Draw = Callable[[Stream, tuple[int, ...], Dtype, int], Array]
DRAWN = (
    *(normal, small, large, wide, cancelling, image, onehot, offset, integers, spike, near_equal),
    *(levels, saturated, unsigned, confident, initial, zero_weights, sparse_gradient, first_step),
    *(whole_range, well_classified, large_cells, masked_above, rising, tied, converged, constant_rows, peaks),
)
#: name -> how it draws; called with the stream, the shape, the dtype and the input's place in the formula.
DATASETS: dict[str, Draw] = {f.__name__: f for f in DRAWN}
#: Parameters, latent variables and whatever else belongs to no sample is drawn as in `normal`.
DATASETS |= dict.fromkeys((*samples.SAMPLES, "as_printed", ONE_SIDED, WEIGHTED_TARGETS, ENDS), normal)


def cotangents(dataset: str, stream: Stream, shape: tuple[int, ...], dtype: Dtype) -> Array:
    """What a VJP is applied to: numbers of size 1, or a little below 1, or whole ones other than 0."""
    if dataset == integers.__name__:
        numbers, signs = whole(stream, shape, dtype), 2.0 * stream.integers(shape, 2) - 1.0
        return np.where(numbers == 0, signs, numbers)
    values = stream.normal(shape)
    return 1.0 - np.abs(values) / 16.0 if dataset == ONE_SIDED else values


def sampled(dataset: str, domain: str) -> bool:
    """Whether such an input is taken from real data."""
    return dataset in samples.SAMPLES and domain in samples.PARTS


def draw(
    dataset: str, domain: str, bound: int, stream: Stream, shape: tuple[int, ...], dtype: Dtype, place: int
) -> Any:
    """An input of the given domain, rounded to `dtype` (whole numbers as int64)."""
    if sampled(dataset, domain):
        rows = stream.uniform(samples.leading(dataset, domain, shape))
        part = samples.take(dataset, domain, rows, shape)
        return part if domain == "class" else dtype.round(part)
    if dataset == "as_printed":
        return dtype.round(samples.as_printed(shape, place))
    if domain in ("label", "class", "mask"):
        return _whole_numbers(dataset, domain, bound, stream, shape)
    values = DATASETS[dataset](stream, shape, dtype, place)
    if domain == "probability":
        return dtype.round(_probability(values, *nearest(dataset, dtype)))
    inside = _into(domain, bound, values)
    return dtype.round(_weighted(inside) if weighted(dataset, domain) else inside)


def _whole_numbers(dataset: str, domain: str, bound: int, stream: Stream, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Labels, classes or a mask."""
    if domain != "mask":
        return _labels(dataset, bound, stream, shape)
    if dataset == masked_above.__name__:
        return np.broadcast_to(np.arange(shape[-1]) % 2 == 0, shape).astype(np.int64)
    mask = stream.integers(shape, 2)
    mask[..., :1] = 1  # a row without any key left is a special value, not an ordinary one
    return mask


def _labels(dataset: str, bound: int, stream: Stream, shape: tuple[int, ...]) -> NDArray[np.int64]:
    if dataset == well_classified.__name__:
        return in_order(shape, bound)
    if dataset == ENDS:
        return in_turn(shape, bound)
    return stream.integers(shape, bound)


def weighted(dataset: str, domain: str) -> bool:
    """Whether such an input has the weights of its samples in it."""
    return (dataset, domain) == (WEIGHTED_TARGETS, "target")


def nearest(dataset: str, dtype: Dtype) -> tuple[float, float]:
    """How near to 0 and to 1 probabilities come."""
    return (0.0, dtype.unit) if dataset == confident.__name__ else (2.0**-14, 2.0**-7)


def _probability(values: Array, above: float, below: float) -> Array:
    """Real numbers mapped between 0 and 1, and kept away from both, where the logarithms of the formulas end."""
    return np.clip((1.0 + values / (1.0 + np.abs(values))) / 2.0, above, 1.0 - below)


def _weighted(targets: Array) -> Array:
    """Rows times weights from 0 to below 1, as of samples that are left out, or count less than others."""
    samples = np.arange(len(targets)) / max(len(targets), 1)
    return targets * samples.reshape((-1, *(1 for _ in targets.shape[1:])))


def _into(domain: str, bound: int, values: Array) -> Array:
    """Real numbers mapped into a domain, by exactly rounded operations only."""
    if domain == "weight":
        return values / math.sqrt(bound)
    if domain == "positive":
        return np.abs(values)
    if domain in ("distribution", "target"):  # whole numbers: their sum is exact in any order
        weights = np.floor(np.abs(values) * 2.0**16) + (1.0 if domain == "distribution" else 0.0)
        first = np.arange(weights.shape[-1]) == 0
        weights += first & ~weights.any(axis=-1, keepdims=True)  # no row adds up to 0: a loss may take 1 for granted
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
    if domain == "position":
        return np.broadcast_to(np.arange(values.shape[-1], dtype=np.float64), values.shape)
    return values
