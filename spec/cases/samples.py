"""Real data that ship inside well-kept packages: features of samples, and what is to be learnt of them.

Nothing is downloaded. Values are scaled by exactly rounded operations only, so they are the same on every machine
that has the same files. Which rows are taken follows from the case's id, as all numbers of a case do.

The files are read where the packages have them: to import scikit-learn takes a second, in each process of a run.
"""

import csv
import gzip
from collections.abc import Callable
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
#: The parts of a sample, as domains of inputs.
PARTS = ("feature", "class", "response")
#: Rows and columns of a patch, and how far apart the patches of a photograph lie.
PATCH, STRIDE = 32, 16
#: How long a window of the time series is.
MONTHS = 6


class Table(NamedTuple):
    """All samples: features (rows, ...), a class each, and a response (rows, k)."""

    feature: Array
    classes: Array
    response: Array


def file(package: str, *parts: str) -> Path:
    """A file inside of an installed package, which is not imported. Raises ModuleNotFoundError."""
    found = PathFinder.find_spec(package)  # also where a target's process hides the package
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"the data in {'/'.join(parts)} come with {package}, which is not installed")
    return Path(found.submodule_search_locations[0], *parts)


@cache
def digits() -> Table:
    """Handwritten digits of 8 by 8 pixels from 0 to 1, 1,797 of them; the response has a single 1 at the class.

    scikit-learn's `load_digits`: pixels, and the class in the last column.
    """
    with gzip.open(file("sklearn", "datasets", "data", "digits.csv.gz"), "rt") as lines:
        found = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    return Table(found[:, :-1] / 16.0, found[:, -1], np.eye(10)[found[:, -1]])


@cache
def photographs() -> Table:
    """Patches (3, 32, 32) of scikit-learn's two colour photographs, from 0 to 1 (exclusive), none with a flat spot.

    They are those of `load_sample_images`. The class says from where: one of ten upright strips, five to a photograph.
    """
    from PIL import Image  # noqa: PLC0415 - only those who train need it

    features: list[Array] = []
    classes: list[Array] = []
    for number, path in enumerate(sorted(file("sklearn", "datasets", "images").glob("*.jpg"))):
        picture = np.asarray(Image.open(path))
        sharp = ~_flat(picture)
        features.append(_every(picture, (PATCH, PATCH))[sharp] / 256.0)
        strips = 5 * number + (np.arange(sharp.shape[1]) * STRIDE + PATCH // 2) * 5 // picture.shape[1]
        classes.append(np.broadcast_to(strips, sharp.shape)[sharp])
    labels = np.concatenate(classes)
    return Table(np.concatenate(features), labels, np.eye(10)[labels])


def _flat(picture: Array) -> Array:
    """Whether two of the 3x3 windows that a 2x2 pooling compares are equal in a patch: its maximum would be anybody's.

    The answer for each patch, by its row and column. Patches overlap: the whole picture is compared, once.
    """
    height, width, _ = picture.shape
    found: list[Array] = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = slice(max(-right, 0), width - max(right, 0))
        there = slice(max(right, 0), width - max(-right, 0))
        same = (picture[: height - down, here] == picture[down:, there]).all(axis=2)
        rows = same[:-2] & same[1:-1] & same[2:]
        windows = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
        found.append(np.asarray(_every(windows, (PATCH - 2 - down, PATCH - 2 - abs(right))).any(axis=(2, 3))))
    return np.asarray(np.logical_or.reduce(found))


def _every(whole: Array, size: tuple[int, int]) -> Array:
    """The parts of that size, by row and column, as far apart as patches are."""
    return sliding_window_view(whole, size, axis=(0, 1))[::STRIDE, ::STRIDE]


@cache
def _prices() -> Array:
    """Monthly prices of eight shares and two indices, each divided by its highest; months in which all are known."""
    with file("matplotlib", "mpl-data", "sample_data", "Stocks.csv").open(encoding="utf-8") as lines:
        rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    known = np.array([row[1:] for row in rows[1:] if all(row)], dtype=np.float64)
    return np.asarray(known / known.max(axis=0))


@cache
def stocks() -> Table:
    """Windows of six months of those ten prices; the response is the first one a month later, the class its sign."""
    prices = _prices()
    windows = np.stack([prices[start : start + MONTHS] for start in range(len(prices) - MONTHS)])
    after = prices[MONTHS:, 8:9]
    return Table(windows, (after[:, 0] > windows[:, -1, 8]).astype(np.int64), after)


#: name -> (its table, the axes of one sample's features)
SAMPLES: dict[str, tuple[Callable[[], Table], int]] = {
    "digits": (digits, 1),
    "photographs": (photographs, 3),
    "stocks": (stocks, 2),
}


def leading(dataset: str, part: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of an input that count samples: all but those of one sample's own."""
    own = {"feature": SAMPLES[dataset][1], "class": 0, "response": 1}[part]
    return shape[: len(shape) - own]


def take(dataset: str, part: str, where: Array, shape: tuple[int, ...]) -> Array:
    """The part of the samples at `where`, each a number from 0 to 1 that points into the table."""
    table = SAMPLES[dataset][0]()
    chosen = table[PARTS.index(part)][np.floor(where * len(table.classes)).astype(np.int64)]
    if chosen.shape != shape:
        raise ValueError(f"a {part} of {dataset} has the shape {chosen.shape}, not {shape}")
    return np.asarray(chosen)


def as_printed(shape: tuple[int, ...], place: int) -> Array:
    """The numbers of listing 4.1: four rows of input, then weights and a bias, the same in both layers."""
    printed = [[[0, 0], [0, 1], [1, 0], [1, 1]], [[0.1, 0.2], [0.3, 0.4]], [0.5, 0.6]]
    found = np.array(printed[0 if place == 0 else 1 if len(shape) == 2 else 2], dtype=np.float64)
    if found.shape != shape:
        raise ValueError(f"listing 4.1 prints {found.shape}, not {shape}")
    return found
