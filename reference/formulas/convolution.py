"""Section 3.2 of the primer: convolution and average pooling. Images are (n, c, h, w), kernels (o, c, p, q)."""

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nnparity.reference.arrays import Array, Float, Int
from nnparity.reference.readings import detached
from nnparity.reference.registry import formula

#: in which order the four pixels of a window are looked at, of which the first of equal ones is taken
ORDERS = {"": [0, 1, 2, 3], "last": [3, 2, 1, 0], "columns": [0, 2, 1, 3]}
#: which axes of the kernel are flipped; the formula flips both
FLIPS = {"both": (-2, -1), "none": (), "rows": (-2,), "columns": (-1,), "and exchanged": (-2, -1)}


def windows(x: Float[Array, "n c h w"], size: tuple[int, int]) -> Float[Array, "n c h-p+1 w-q+1 p q"]:
    """Every window of the image: (n, c, h-p+1, w-q+1, p, q)."""
    return sliding_window_view(x, size, axis=(2, 3))


def flipped(w: Float[Array, "o c p q"], flip: str = "both") -> Float[Array, "o c p q"]:
    """The kernel turned around, w(P+1-p, Q+1-q). "And exchanged" takes inputs for outputs besides, if as many."""
    if flip == "and exchanged" and w.shape[0] == w.shape[1]:
        w = np.transpose(w, (1, 0, 2, 3))
    return np.flip(w, axis=FLIPS[flip]) if FLIPS[flip] else w


@formula("conv2d", matrices=["w"])
def conv2d(
    x: Float[Array, "n c h w"], w: Float[Array, "o c p q"], *, flip: str = "both", border: str = "zeros"
) -> Float[Array, "n o h-p+1 w-q+1"]:
    """y(i,j) = sum_pq x(i-p, j-q) w(p,q), only where the kernel lies inside the image. Primer 3.2.4."""
    return np.einsum("nchwpq,ocpq->nohw", windows(x, w.shape[2:]), flipped(w, flip))


@conv2d.vjp
def _(
    g: Float[Array, "n o h-p+1 w-q+1"],
    x: Float[Array, "n c h w"],
    w: Float[Array, "o c p q"],
    *,
    flip: str = "both",
    border: str = "zeros",
) -> tuple[Float[Array, "n c h w"], Float[Array, "o c p q"]]:
    """dx correlates g, padded all around, with w; dw correlates x with g.

    With the border "left out", weights do not meet the zeros around g: the same, unless they are NaN or infinite.
    """
    p, q = w.shape[2:]
    if border == "left out":
        dw = flipped(np.einsum("nchwpq,nohw->ocpq", windows(x, (p, q)), g), flip)
        return _scattered(g, flipped(w, flip)), dw
    padded = np.pad(g, ((0, 0), (0, 0), (p - 1, p - 1), (q - 1, q - 1)))
    turned = flipped(flipped(w, flip))  # for the true convolution: w itself
    dx = np.einsum("nohwpq,ocpq->nchw", windows(padded, (p, q)), turned)
    dw = np.einsum("nchwpq,nohw->ocpq", windows(x, (p, q)), g)
    return dx, flipped(dw, flip)


def _scattered(g: Float[Array, "n o h-p+1 w-q+1"], w: Float[Array, "o c p q"]) -> Float[Array, "n c h w"]:
    """Each output's g times the kernel, added up where the kernel lay."""
    p, q = w.shape[2:]
    parts = [
        np.pad(np.einsum("nohw,oc->nchw", g, w[:, :, i, j]), ((0, 0), (0, 0), (i, p - 1 - i), (j, q - 1 - j)))
        for i in range(p)
        for j in range(q)
    ]
    return np.sum(np.stack(parts), axis=0)


#: What counts of a window where it is not the whole: weights of its pixels, row by row.
PARTS = {"corner": ((4.0, 0.0), (0.0, 0.0)), "row": ((2.0, 2.0), (0.0, 0.0))}


def part(name: str) -> Array:
    """The weights as an array."""
    return np.array(PARTS[name])


@formula("avg_pool2d")
def avg_pool2d(
    x: Float[Array, "n c h w"], *, divisor: float = 4.0, window: str = "whole"
) -> Float[Array, "n c h//2 w//2"]:
    """The mean of each 2x2 window; windows do not overlap. Primer 3.2.4."""
    cut = tiles(x) if window == "whole" else tiles(x) * part(window)[:, None, :]
    return np.sum(cut, axis=(3, 5)) / divisor


def tiles(x: Float[Array, "n c h w"]) -> Float[Array, "n c h//2 2 w//2 2"]:
    """The image cut into 2x2 windows: (n, c, h/2, 2, w/2, 2); an odd last row or column is left out."""
    n, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape((n, c, h // 2, 2, w // 2, 2))


@avg_pool2d.vjp
def _(
    g: Float[Array, "n c h//2 w//2"], x: Float[Array, "n c h w"], *, divisor: float = 4.0, window: str = "whole"
) -> Float[Array, "n c h w"]:
    """Each pixel receives a quarter of its window's g."""
    shares = np.repeat(np.repeat(g / divisor, 2, axis=2), 2, axis=3)
    if window != "whole":
        shares = shares * np.tile(part(window), g.shape[2:])
    return untiled(shares, x.shape)


def untiled(y: Float[Array, "n c h//2*2 w//2*2"], shape: tuple[int, ...]) -> Float[Array, "n c h w"]:
    """Zeros for the odd last row or column that `tiles` left out."""
    return np.pad(y, ((0, 0), (0, 0), (0, shape[2] - y.shape[2]), (0, shape[3] - y.shape[3])))


@formula("avg_pool2d_literal")
def avg_pool2d_literal(
    x: Float[Array, "n c h w"], *, divisor: float = 4.0, window: str = "whole"
) -> Float[Array, "n c h-1 w-1"]:
    """y(i,j) = 1/4 sum_pq x(i-p, j-q): the mean of each 2x2 window, windows one pixel apart. Primer 3.2.4."""
    cut = windows(x, (2, 2))
    return np.sum(cut if window == "whole" else cut * part(window), axis=(4, 5)) / divisor


@avg_pool2d_literal.vjp
def _(
    g: Float[Array, "n c h-1 w-1"], x: Float[Array, "n c h w"], *, divisor: float = 4.0, window: str = "whole"
) -> Float[Array, "n c h w"]:
    """Each pixel receives a quarter of the g of every window it lies in."""
    cut = windows(np.pad(g, ((0, 0), (0, 0), (1, 1), (1, 1))), (2, 2))
    return np.sum(cut if window == "whole" else cut * np.flip(part(window)), axis=(4, 5)) / divisor


@formula("max_pool2d")
def max_pool2d(
    x: Float[Array, "n c h w"], *, sign: float = 1.0, skip_nan: bool = False, scan: str = "", window: str = "whole"
) -> Float[Array, "n c h//2 w//2"]:
    """The largest of each 2x2 window; windows do not overlap. Primer 3.2.2."""
    if window != "whole":
        return avg_pool2d(x, window="whole" if window == "mean" else window)
    pixels = _pixels(x if sign == 1 else sign * x)
    if scan == "shared":
        return _differentiated_in_shares(pixels)
    if scan in ORDERS:
        pixels = _ordered(pixels, scan)
    y = np.max(np.where(np.equal(pixels, pixels), pixels, -np.inf) if skip_nan else pixels, axis=4)
    return y if sign == 1 else sign * y


def _differentiated_in_shares(pixels: Float[Array, "n c h w 4"]) -> Float[Array, "n c h w"]:
    """The largest, whose derivative is the mean of those of all pixels that are equal to it."""
    fixed = detached(pixels)
    wins = _largest(fixed)
    y, count = np.max(fixed, axis=4), sum(np.where(win, 1.0, 0.0) for win in wins)
    for place, win in enumerate(wins):
        apart = pixels[..., place] - fixed[..., place]  # 0, of infinities NaN
        y = y + np.where(np.logical_and(win, np.equal(apart, apart)), apart, 0.0) / count
    return y


def _pixels(x: Float[Array, "n c h w"]) -> Float[Array, "n c h//2 w//2 4"]:
    """The windows of `tiles` with their four pixels on one axis: (n, c, h/2, w/2, 4)."""
    cut = np.transpose(tiles(x), (0, 1, 2, 4, 3, 5))
    return cut.reshape((*cut.shape[:4], 4))


@max_pool2d.vjp
def _(
    g: Float[Array, "n c h//2 w//2"],
    x: Float[Array, "n c h w"],
    *,
    sign: float = 1.0,
    skip_nan: bool = False,
    scan: str = "",
    window: str = "whole",
) -> Float[Array, "n c h w"]:
    """Each window's g goes to its largest pixel; of equal ones, to the first, the last, or to all in equal shares."""
    if window != "whole":
        (dx,) = avg_pool2d.gradients(g, x, window="whole" if window == "mean" else window)
        return dx
    pixels = _pixels(x if sign == 1 else sign * x)
    if scan == "shared":
        wins = _largest(pixels)
        g = g / sum(np.where(win, 1.0, 0.0) for win in wins)
    else:
        wins = _first_of_all(pixels, scan) if scan in ORDERS else _scanned(pixels, scan)
    shares = [np.where(win, g, 0.0) for win in wins]
    n, c, h, w = g.shape
    square = np.stack(shares, axis=-1).reshape((n, c, h, w, 2, 2))
    return untiled(np.transpose(square, (0, 1, 2, 4, 3, 5)).reshape((n, c, 2 * h, 2 * w)), x.shape)


def _first_of_all(pixels: Float[Array, "n c h w 4"], scan: str) -> list[Int[Array, "n c h w"]]:
    """Which pixel is the first of the largest ones, in the order of the scan."""
    pixels = _ordered(pixels, scan)
    return [_first(pixels, ORDERS[scan].index(place)) for place in range(4)]


def _ordered(pixels: Float[Array, "n c h w 4"], scan: str) -> Float[Array, "n c h w 4"]:
    return pixels[..., ORDERS[scan]] if scan else pixels


def _first(pixels: Float[Array, "n c h w 4"], place: int) -> Int[Array, "n c h w"]:
    """Whether the pixel at `place` exceeds all before it and is not exceeded by any behind it."""
    here = pixels[..., place]
    wins = [
        here > pixels[..., other] if other < place else here >= pixels[..., other]
        for other in range(4)
        if other != place
    ]
    return np.logical_and(np.logical_and(wins[0], wins[1]), wins[2])


def _largest(pixels: Float[Array, "n c h w 4"]) -> list[Int[Array, "n c h w"]]:
    """Which pixels no other exceeds."""
    largest = np.max(pixels, axis=4)
    return [np.equal(pixels[..., place], largest) for place in range(4)]


def _scanned(pixels: Float[Array, "n c h w 4"], scan: str) -> list[Int[Array, "n c h w"]]:
    """Which pixel wins when they are looked at one by one: they differ only where NaN is among them."""
    best: Any = pixels[..., 0]
    place: Any = 0
    for other in range(1, 4):
        pixel = pixels[..., other]
        better = np.logical_not(best >= pixel) if scan == "not less" else pixel > best
        if scan == "nan":  # the first NaN wins, and keeps
            better = np.logical_and(np.equal(best, best), np.logical_or(better, np.logical_not(np.equal(pixel, pixel))))
        best, place = np.where(better, pixel, best), np.where(better, other, place)
    return [place == other for other in range(4)]


@formula("flatten")
def flatten(x: Float[Array, "n c h w"], *, order: str = "nchw") -> Float[Array, "n c*h*w"]:
    """One row for each image: channels first, then rows, then columns. Primer 3.2.3."""
    x = x if order == "nchw" else np.transpose(x, ["nchw".index(axis) for axis in order])
    return x.reshape((x.shape[0], math.prod(x.shape[1:])))  # -1 would not do for no image at all


@flatten.vjp
def _(g: Float[Array, "n c*h*w"], x: Float[Array, "n c h w"], *, order: str = "nchw") -> Float[Array, "n c h w"]:
    """The same numbers in the shape of the image."""
    if order == "nchw":
        return g.reshape(x.shape)
    there = g.reshape([x.shape["nchw".index(axis)] for axis in order])
    return np.transpose(there, [order.index(axis) for axis in "nchw"])
