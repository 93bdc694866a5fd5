"""The reference with one fault each: what the checks are there to find."""

import dataclasses
import itertools
from typing import Any

import ml_dtypes
import numpy as np

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors
from nnparity.adapters.numpy import NumpyAdapter
from nnparity.adapters.request import Array, Failure, Observation, Request
from nnparity.spec import load
from nnparity.spec.cases.invalid_inputs import unfit


class Spoilt(NumpyAdapter):
    """The reference, its arrays changed by `spoil` on the way out."""

    families: tuple[str, ...] = ("output",)

    def observe(self, request: Request) -> Observation:
        with np.errstate(invalid="ignore"):
            self.request, self.x = request, next(iter(request.inputs.values())).astype(np.float64)
        return {name: self._spoilt(name, array) for name, array in super().observe(request).items()}

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:
        if isinstance(array, Failure) or name.partition(".")[0] not in self.families:
            return array
        with np.errstate(all="ignore"):
            return np.asarray(self.spoil(array)).astype(array.dtype)

    def spoil(self, array: Array) -> Any:
        raise NotImplementedError


class SwallowsNan(Spoilt):
    def spoil(self, array: Array) -> Any:
        return np.where(np.isnan(array), 0, array)


class SpreadsNan(Spoilt):
    families = ("grad",)

    def spoil(self, array: Array) -> Any:
        return array * (np.nan if np.isnan(self.x).any() else 1)


class WrongInfinity(Spoilt):
    def spoil(self, array: Array) -> Any:
        return np.where(np.isinf(array), -array, array)


class LargestForInfinity(Spoilt):
    def spoil(self, array: Array) -> Any:
        return np.nan_to_num(array.astype(np.float64), nan=np.nan, posinf=3e38, neginf=-3e38)


class StartsAtTheLowest(Spoilt):
    """A running maximum that begins with the lowest finite number: of nothing but -Inf it is that number."""

    def spoil(self, array: Array) -> Any:
        return np.maximum(array, np.finfo(array.dtype).min)


class LosesMinusZero(Spoilt):
    def spoil(self, array: Array) -> Any:
        return array + np.zeros((), array.dtype)


class OddSubgradient(Spoilt):
    families = ("grad",)

    def spoil(self, array: Array) -> Any:
        return np.where(self.x == 0, 0.7, array) if self.x.shape == array.shape else array


class WeakSubgradient(Spoilt):
    """A half at 0: a subgradient too."""

    families = ("grad",)

    def spoil(self, array: Array) -> Any:
        g = self.request.cotangents["output"].astype(np.float64)
        return np.where(self.x == 0, 0.5 * g, array)


class MixesSubgradients(WeakSubgradient):
    """A half at the first 0, nothing at the others."""

    def spoil(self, array: Array) -> Any:
        first = np.cumsum(self.x == 0).reshape(self.x.shape) == 1
        return np.where(first, super().spoil(array), array)


class ReturnsFloat32(NumpyAdapter):
    def observe(self, request: Request) -> Observation:
        seen = super().observe(request)
        return seen | {"output": np.asarray(seen["output"], np.float32)}


class ComputesInFloat32(Spoilt):
    families = ("output", "grad")

    def spoil(self, array: Array) -> Any:
        return array.astype(np.float32)


class AddsUpInHalf(Spoilt):
    """Of conv2d: each addition is rounded to the dtype, in which a term may be lost beside the sum of the others."""

    def spoil(self, array: Array) -> Any:
        x, w = (np.asarray(one) for one in self.request.inputs.values())
        height, width = array.shape[2:]
        total = np.zeros_like(array)
        for c, p, q in np.ndindex(w.shape[1:]):
            seen = x[:, c, p : p + height, q : q + width]
            total = total + (seen[:, None] * w[:, c, ::-1, ::-1][:, p, q, None, None]).astype(array.dtype)
        return total


class RefusesEmpty(NumpyAdapter):
    def observe(self, request: Request) -> Observation:
        if any(not array.size for array in request.inputs.values()):
            failure = Failure("error", "RuntimeError: expected a batch", raised_in="framework")
            return dict.fromkeys(("output", "grad.x", "grad.w", "grad.b"), failure)
        return super().observe(request)


class Misspelt(NumpyAdapter):
    """An argument that the kernel does not have: every call raises."""

    def _bound(self, request: Request) -> Operation:
        return dataclasses.replace(super()._bound(request), attributes={"hieght": 3})


class Slips(NumpyAdapter):
    """Right with valid inputs; of others it makes, without a look at the shapes, what its subclass says."""

    def observe(self, request: Request) -> Observation:
        return Adapter.observe(self, request)

    def _bound(self, request: Request) -> Operation:
        right = super()._bound(request)

        def method(x: Array, w: Array, b: Array) -> Any:
            if unfit(load()["dense"], {"x": x, "w": w, "b": b}, {}) is None:
                return np.float32(right.method(x=x, w=w, b=b))
            return self.slip(x)

        return dataclasses.replace(right, method=method)

    def slip(self, x: Array) -> Any:
        raise NotImplementedError


class SlipsOnAName(Slips):
    def slip(self, x: Array) -> Any:
        return hieght * x  # type: ignore[name-defined]  # noqa: F821


class SlipsOnAnArgument(Slips):
    def slip(self, x: Array) -> Any:
        return self.slip(x, hieght=3)  # type: ignore[call-arg]


class SlipsOnAnAttribute(Slips):
    def slip(self, x: Array) -> Any:
        return x.hieght  # type: ignore[attr-defined]


class SlipsOnUnpacking(Slips):
    def slip(self, x: Array) -> Any:
        rows, columns, height, depth = x.shape
        return rows + columns + height + depth


class SlipsOnAnIndex(Slips):
    def slip(self, x: Array) -> Any:
        return x.shape[7]


class RaisesItself(Slips):
    def slip(self, x: Array) -> Any:  # noqa: ARG002
        raise ValueError("I looked at it myself")


class LeavesItToCompiledCode(Slips):
    """What a framework does: NumPy's product has no frame of its own."""

    def slip(self, x: Array) -> Any:
        return x @ np.ones(1234)


class LeavesItToTheLibrary(Slips):
    def slip(self, x: Array) -> Any:  # noqa: ARG002
        return np.linalg.inv(np.ones(3))


class WrongEmptyGradient(Spoilt):
    families = ("grad",)

    def spoil(self, array: Array) -> Any:
        return array + np.nan if not self.x.size and array.size else array


class SqueezesOnes(Spoilt):
    def spoil(self, array: Array) -> Any:
        return array.squeeze() if 1 in array.shape else array


class GoesByLength(Spoilt):
    """Tells rows and columns apart by how many there are."""

    def spoil(self, array: Array) -> Any:
        return array.swapaxes(-1, -2) if array.ndim > 1 and array.shape[-1] == array.shape[-2] > 1 else array


class Broadcasts(NumpyAdapter):
    """The reference without a look at the shapes first."""

    def observe(self, request: Request) -> Observation:
        seen = Adapter.observe(self, request)
        return {name: x if isinstance(x, Failure) else x.astype(np.float32) for name, x in seen.items()}


class Trained(NumpyAdapter):
    """Where gradients are wanted the output comes from another kernel, which is wrong; its own is right."""

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        outputs, gradients = super().vjp(operation, point)
        return tuple(y + 0.25 for y in outputs), gradients


class Restless(Spoilt):
    """The last bit differs from call to call."""

    families = ("output", "grad")
    calls = 0

    def observe(self, request: Request) -> Observation:
        self.calls += 1
        return super().observe(request)

    def spoil(self, array: Array) -> Any:
        return np.nextafter(array, np.inf) if self.calls % 2 else array


class Unstable(Restless):
    """The result differs from call to call by far more than rounding."""

    def spoil(self, array: Array) -> Any:
        return array * (1 + 2.0**-6 * (self.calls % 2))


_instances = itertools.count()


class EachItsOwn(Spoilt):
    """Another last bit in another process."""

    def __init__(self, device: str = "cpu", mode: str = "eager") -> None:
        super().__init__(device, mode)
        self._odd = next(_instances) % 2

    def spoil(self, array: Array) -> Any:
        return np.nextafter(array, np.inf) if self._odd else array


class CentresTheBatch(Spoilt):
    def spoil(self, array: Array) -> Any:
        return array - array.astype(np.float64).mean(axis=0) / 64 if array.ndim and len(array) > 1 else array


class OddTail(Spoilt):
    """What is left over behind the last full vector of 32 is computed by other code, which is wrong."""

    def spoil(self, array: Array) -> Any:
        flat = array.astype(np.float64).ravel()
        left = flat.size % 32
        return np.concatenate([flat[: flat.size - left], flat[flat.size - left :] * (1 + 2.0**-4)]).reshape(array.shape)


class OtherTail(Spoilt):
    """The same, but right within rounding."""

    def spoil(self, array: Array) -> Any:
        flat = array.ravel().copy()
        left = flat.size % 32
        flat[flat.size - left :] = np.nextafter(flat[flat.size - left :], np.inf)
        return flat.reshape(array.shape)


class OneBinade(Spoilt):
    """From 2^-7 to 2^-6 the table has a wrong entry."""

    def spoil(self, array: Array) -> Any:
        x = np.abs(self.x)
        return np.where((x >= 2.0**-7) & (x < 2.0**-6), array * (1 + 2.0**-4), array)


class InfiniteBinade(Spoilt):
    """The same entry is infinite."""

    def spoil(self, array: Array) -> Any:
        x = np.abs(self.x)
        return np.where((x >= 2.0**-7) & (x < 2.0**-6), np.inf, array)


class TwoBinades(InfiniteBinade):
    """And the entry below is a little off."""

    def spoil(self, array: Array) -> Any:
        x = np.abs(self.x)
        return np.where((x >= 2.0**-8) & (x < 2.0**-7), array * (1 + 2.0**-4), super().spoil(array))


class EndsEarly(Spoilt):
    """0 where e^-x overflows in float64."""

    end = -709.783

    def spoil(self, array: Array) -> Any:
        return np.where(self.x < self.end, 0, array)


class EndsTooEarly(EndsEarly):
    end = -690.0


class OneNumber(Spoilt):
    """A single half-precision number is wrong."""

    def spoil(self, array: Array) -> Any:
        return np.where(self.x == 3.140625, 0.5, array)


def flushed(array: Array) -> Any:
    tiny = float(ml_dtypes.finfo(array.dtype).tiny)
    return np.where(np.abs(array.astype(np.float64)) < tiny, 0, array)


class FlushesRelu(Spoilt):
    """Most operations keep subnormals, one flushes them."""

    def spoil(self, array: Array) -> Any:
        return flushed(array) if self.request.formula == "relu" else array


class FlushesTheBody(Spoilt):
    """Full vectors of four are flushed, the rest is not."""

    def spoil(self, array: Array) -> Any:
        flat = array.ravel()
        body = flat.size // 4 * 4
        return np.concatenate([flushed(flat[:body]), flat[body:]]).reshape(array.shape)


class FlushesAnotherGradient(Spoilt):
    """A dense layer flushes in its gradients alone; where ReLU gives 0 there is less than a smallest normal number."""

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:
        if self.request.formula == "dense" and name.startswith("grad") and not isinstance(array, Failure):
            return np.asarray(flushed(array)).astype(array.dtype)
        return super()._spoilt(name, array) if self.request.formula == "relu" else array

    def spoil(self, array: Array) -> Any:
        return np.where(array == 0, 5 * 2.0**-149, array.astype(np.float64))


class NegatesSubnormals(Spoilt):
    """One operation flushes them, another keeps them with the wrong sign."""

    def spoil(self, array: Array) -> Any:
        if self.request.formula == "relu":
            return flushed(array)
        return np.where(flushed(array) == 0, -array, array) if self.request.formula == "tanh" else array


class WrongInfinityInGradients(Spoilt):
    """The other infinity, in gradients alone."""

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:
        if not name.startswith("grad") or isinstance(array, Failure):
            return array
        return np.where(np.isinf(array), -array, array).astype(array.dtype)


class ExchangesNanAndInfinity(Spoilt):
    """In gradients NaN where an infinity should be."""

    def _spoilt(self, name: str, array: Array | Failure) -> Array | Failure:
        if not name.startswith("grad") or isinstance(array, Failure):
            return array
        return np.where(np.isinf(array), np.nan, array).astype(array.dtype)
