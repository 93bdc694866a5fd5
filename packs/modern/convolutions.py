"""Convolutions as libraries compute them, in plain NumPy, each with its VJP under it."""

from typing import Any, NamedTuple

import numpy as np

from nnparity.reference.formulas.convolution import windows
from nnparity.reference.registry import formula

Array = Any


def _turned(k: Array, flipped: bool) -> Array:
    return np.flip(k, axis=(-2, -1)) if flipped else k


def _offsets(k: Array) -> list[tuple[int, int]]:
    return [(i, j) for i in range(k.shape[-2]) for j in range(k.shape[-1])]


@formula("depthwise_conv2d")
def depthwise_conv2d(
    x: Array, k: Array, *, flipped: bool = False, interleaved: bool = False, border: str = "left out"
) -> Array:
    """Each channel with m kernels of its own."""
    y = np.einsum("nchwpq,cmpq->ncmhw", windows(x, k.shape[2:]), _turned(k, flipped))
    y = np.transpose(y, (0, 2, 1, 3, 4)) if interleaved else y
    return np.reshape(y, (y.shape[0], y.shape[1] * y.shape[2], *y.shape[3:]))


@depthwise_conv2d.vjp
def _(
    g: Array, x: Array, k: Array, *, flipped: bool = False, interleaved: bool = False, border: str = "left out"
) -> tuple[Array, Array]:
    """dx adds up each g times its kernels, where they lay; dk correlates each channel with its g.

    With the border "zeros" g is padded all around instead, and weights meet those zeros: the same but for NaN.
    """
    c, m, p, q = k.shape
    n, _, height, width = g.shape
    if interleaved:
        g = np.reshape(np.transpose(np.reshape(g, (n, m, c, height, width)), (0, 2, 1, 3, 4)), g.shape)
    by_channel = np.reshape(g, (n, c, m, height, width))
    dk = np.einsum("nchwpq,ncmhw->cmpq", windows(x, (p, q)), by_channel)
    if border == "zeros":
        padded = windows(np.pad(g, ((0, 0), (0, 0), (p - 1, p - 1), (q - 1, q - 1))), (p, q))
        cut = np.reshape(padded, (n, c, m, *x.shape[2:], p, q))
        return np.einsum("ncmhwpq,cmpq->nchw", cut, _turned(k, not flipped)), _turned(dk, flipped)
    parts = [
        np.pad(
            np.einsum("ncmhw,cm->nchw", by_channel, _turned(k, flipped)[:, :, i, j]),
            ((0, 0), (0, 0), (i, p - 1 - i), (j, q - 1 - j)),
        )
        for i, j in _offsets(k)
    ]
    return np.sum(np.stack(parts), axis=0), _turned(dk, flipped)


class _Reach(NamedTuple):
    """Along one axis, which results an offset of the kernel reaches the image from, and from which pixel on."""

    results: slice
    pixels: slice
    around: tuple[int, int]
    behind: tuple[int, int]


def _reach(offset: int, size: int, kernel: int, stride: int, before: int, after: int) -> _Reach:
    count = (size + before + after - kernel) // stride + 1
    met = [place for place in range(count) if 0 <= place * stride + offset - before < size]
    first, last = (met[0], met[-1]) if met else (0, -1)
    begin = first * stride + offset - before if met else 0
    end = last * stride + offset - before + 1 if met else 0
    return _Reach(slice(first, last + 1), slice(begin, end, stride), (first, count - last - 1), (begin, size - end))


def _around(padding: int, late: bool) -> tuple[int, int]:
    return (0, 2 * padding) if late else (padding, padding)


def _reaches(x: Array, k: Array, stride: int, around: tuple[int, int]) -> list[tuple[int, int, _Reach, _Reach]]:
    """Each offset of the kernel, with what it reaches along both axes."""
    return [
        (
            i,
            j,
            _reach(i, x.shape[2], k.shape[2], stride, *around),
            _reach(j, x.shape[3], k.shape[3], stride, *around),
        )
        for i, j in _offsets(k)
    ]


def _spread(g: Array, stride: int) -> Array:
    """With zeros between: g at every so many rows and columns."""
    n, o, h, w = g.shape
    cells = np.pad(np.reshape(g, (n, o, h, 1, w, 1)), ((0, 0),) * 3 + ((0, stride - 1), (0, 0), (0, stride - 1)))
    last = [(size - 1) * stride + 1 if size else 0 for size in (h, w)]
    return np.reshape(cells, (n, o, h * stride, w * stride))[:, :, : last[0], : last[1]]


@formula("strided_conv2d")
def strided_conv2d(
    x: Array,
    k: Array,
    *,
    stride: int = 2,
    padding: int = 1,
    flipped: bool = False,
    late: bool = False,
    border: str = "left out",
) -> Array:
    """The kernel at every so many pixels of the image; what lies outside adds nothing, or zeros times its weights."""
    around, k = _around(padding, late), _turned(k, flipped)
    if border == "zeros":
        image = np.pad(x, ((0, 0), (0, 0), around, around))
        return np.einsum("nchwpq,ocpq->nohw", windows(image, k.shape[2:])[:, :, ::stride, ::stride], k)
    parts = [
        np.pad(
            np.einsum("nchw,oc->nohw", x[:, :, rows.pixels, columns.pixels], k[:, :, i, j]),
            ((0, 0), (0, 0), rows.around, columns.around),
        )
        for i, j, rows, columns in _reaches(x, k, stride, around)
    ]
    return np.sum(np.stack(parts), axis=0)


@strided_conv2d.vjp
def _(
    g: Array,
    x: Array,
    k: Array,
    *,
    stride: int = 2,
    padding: int = 1,
    flipped: bool = False,
    late: bool = False,
    border: str = "left out",
) -> tuple[Array, Array]:
    """dx adds up each g times the kernel, where it lay; dk correlates the image with g.

    With the border "zeros" weights meet the zeros between and around the numbers of g: the same but for NaN.
    """
    (p, q), around, turned = k.shape[2:], _around(padding, late), _turned(k, flipped)
    image = np.pad(x, ((0, 0), (0, 0), around, around))
    dk = np.einsum("nchwpq,nohw->ocpq", windows(image, (p, q))[:, :, ::stride, ::stride], g)
    if border == "zeros":
        spread = _spread(g, stride)
        rest = [image.shape[2] - p + 1 - spread.shape[2], image.shape[3] - q + 1 - spread.shape[3]]
        spread = np.pad(spread, ((0, 0), (0, 0), (p - 1, p - 1 + rest[0]), (q - 1, q - 1 + rest[1])))
        dx = np.einsum("nohwpq,ocpq->nchw", windows(spread, (p, q)), _turned(turned, True))
        begin, (height, width) = around[0], x.shape[2:]
        return dx[:, :, begin : begin + height, begin : begin + width], _turned(dk, flipped)
    parts = [
        np.pad(
            _spread(np.einsum("nohw,oc->nchw", g[:, :, rows.results, columns.results], turned[:, :, i, j]), stride),
            ((0, 0), (0, 0), rows.behind, columns.behind),
        )
        for i, j, rows, columns in _reaches(x, k, stride, around)
    ]
    return np.sum(np.stack(parts), axis=0), _turned(dk, flipped)
