"""What all readings share: a NumPy duck array whose components move together.

A reading carries several arrays of one shape (a value and a tangent, a value and its errors).
Functions that only move elements act on each of them; arithmetic is looked up in the tables
`UFUNCS` and `FUNCTIONS` of the class, so that each rule is one entry.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.lib.stride_tricks import sliding_window_view

from nnparity.reference.readings import compositions, sharing

Rule = Callable[..., Any]
Result = TypeVar("Result")

#: Functions of one array that move, repeat or drop elements.
MOVES: frozenset[Any] = frozenset(
    {
        np.reshape,
        np.ravel,
        np.transpose,
        np.moveaxis,
        np.swapaxes,
        np.expand_dims,
        np.squeeze,
        np.broadcast_to,
        np.flip,
        np.roll,
        np.repeat,
        np.tile,
        np.take,
        np.take_along_axis,
        np.diagonal,
        sliding_window_view,
    }
)
#: Functions of a sequence of arrays that put them together.
JOINS: frozenset[Any] = frozenset({np.concatenate, np.stack})


class Reading(NDArrayOperatorsMixin):
    """A duck array; subclasses say what their components are and how arithmetic acts on them."""

    #: Of two readings that meet, the one of higher rank is outside and acts; the other steps back.
    rank: ClassVar[int] = 0
    #: Whether which object it is tells it from others, so that what is done with it may be done once: see `sharing`.
    identified: ClassVar[bool] = False
    UFUNCS: ClassVar[dict[Any, Rule]] = {}
    FUNCTIONS: ClassVar[dict[Any, Rule]] = {}
    value: Any

    def moved(self, move: Callable[[Any], Any]) -> Self:
        """The reading with `move` applied to each component."""
        raise NotImplementedError

    def joined(self, others: Iterable[Any], join: Callable[[list[Any]], Any]) -> Self:
        """The reading made by `join` of all `others` (readings or plain arrays), component by component."""
        raise NotImplementedError

    def padded(self, width: Any) -> Self:
        """Zeros around it: so many before and after each axis, as `np.pad` is told."""
        return self.moved(lambda part: np.pad(part, width))

    def constant(self, value: float) -> Any:
        """An exact number of the kind that this reading holds; see `numbers.constant`."""
        raise NotImplementedError

    def count(self, number: float) -> Any:
        """What a mean divides by; see `numbers.count`."""
        return number

    def host_scalar(self, value: Any, host: float | None) -> Any:
        """A number that the host derived from hyperparameters; see `numbers.host_scalar`."""
        return float(value) if host is None else host

    def rewritten(self, units: float) -> Self:  # noqa: ARG002  (what another formula loses is no part of the numbers)
        """The same numbers, which a kernel may compute by another formula; see `numbers.rewritten`."""
        return self

    def detached(self) -> Any:
        """The same numbers without a derivative; see `numbers.detached`."""
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, as of an array."""
        return tuple(self.value.shape)

    @property
    def ndim(self) -> int:
        """The number of axes, as of an array."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements, as of an array."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        """None: without this Python would take the length for it."""
        raise TypeError("a condition on a number leaves `if`, `and` and `or` undecided: numpy.where asks each element")

    def __getitem__(self, index: Any) -> Self:
        return self._once(("index", self, index), lambda: self.moved(lambda part: part[index]))

    def reshape(self, *shape: Any) -> Self:
        """As of an array."""
        return self._once(("reshape", self, shape), lambda: self.moved(lambda part: part.reshape(*shape)))

    @property
    def T(self) -> Self:  # noqa: N802  (as of an array)
        """As of an array."""
        return self.transpose()

    def transpose(self, *axes: Any) -> Self:
        """As of an array."""
        return self._once(("transpose", self, axes), lambda: self.moved(lambda part: part.transpose(*axes)))

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As of an array."""
        return np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]  # a duck array

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As of an array."""
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]  # a duck array

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As of an array."""
        if axis is None and not keepdims:
            return self.reshape(-1).max(0)
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]  # a duck array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or self._stands_back(inputs):
            return NotImplemented
        rule = self.UFUNCS.get(ufunc) or compositions.UFUNCS.get(ufunc)
        if rule is None:
            raise TypeError(f"{type(self).__name__} has no rule for {ufunc.__name__}")
        return self._once((ufunc, *inputs), lambda: rule(*inputs))

    def __array_function__(self, func: Any, types: Iterable[type], args: Any, kwargs: Any) -> Any:
        if self._stands_back(args) or any(getattr(kind, "rank", -1) > self.rank for kind in types):
            return NotImplemented
        if func is np.shape:
            return args[0].shape
        return self._once((func, args, kwargs), lambda: self._applied(func, args, kwargs))

    def _applied(self, func: Any, args: Any, kwargs: Any) -> Any:
        rule = self.FUNCTIONS.get(func) or compositions.FUNCTIONS.get(func)
        if rule is not None:
            return rule(*args, **kwargs)
        if func in MOVES:
            return args[0].moved(lambda part: func(part, *args[1:], **kwargs))
        if func in JOINS:
            return self.joined(args[0], lambda parts: func(parts, *args[1:], **kwargs))
        raise TypeError(f"{type(self).__name__} has no rule for {func.__name__}")

    def _once(self, asked: tuple[Any, ...], compute: Callable[[], Result]) -> Result:
        return sharing.once(asked, compute) if self.identified else compute()

    def _stands_back(self, operands: Iterable[Any]) -> bool:
        for other in operands:  # noqa: SIM110  (`any` of a generator takes three times as long)
            if isinstance(other, Reading) and other.rank > self.rank:
                return True
        return False


def plain(x: Any) -> Any:
    """The values of a reading; a plain array as it is."""
    return x.value if isinstance(x, Reading) else x
