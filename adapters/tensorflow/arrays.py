"""TensorFlow's tensors and derivatives, without formulas and without touching a setting of the process.

Reverse mode is `tf.GradientTape`, nested for second derivatives; JVPs come from `tf.autodiff.ForwardAccumulator`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from nnparity.adapters.base import Adapter
from nnparity.adapters.kernel import Operation, Point, Tensors, place, unmapped
from nnparity.adapters.request import Array, Failure
from nnparity.adapters.shared.devices import CPU, CUDA, words
from nnparity.adapters.shared.nesting import Nesting

_PLACES = {CPU: "/CPU", CUDA: "/GPU"}
_ZERO = tf.UnconnectedGradients.ZERO
#: Words of what is raised where code is not vectorised: of lists in a loop, of kernels that all samples share.
UNMAPPED = ("`dtype` <dtype: 'variant'>", "expected to be not loop invariant", "expected to be loop invariant")


class TensorflowArrays(Nesting):
    """What any code on TensorFlow's tensors shares, the adapter's own and a user's."""

    reverse_over_reverse = Adapter.reverse_over_reverse  # none: `hvp` is that
    slow = ("forward_over_forward",)  # an accumulator within another one traces the derivative of each operation anew
    refusals = (
        "UnimplementedError",
        "gradient registry has no entry",
        "is not in the list of allowed values",
        "Detected unsupported operations",  # XLA
        "Unsupported dtype",  # XLA
        "`dtype` <dtype: 'variant'> is not compatible",  # forward mode across the lists of a loop in a graph
    )

    @classmethod
    def devices(cls) -> list[str]:
        return [CPU, *words(CUDA, len(tf.config.list_physical_devices("GPU")))]

    @contextmanager
    def scope(self) -> Iterator[None]:
        kind, which = place(self.device)
        with tf.device(f"{_PLACES[kind]}:{which}"):
            yield

    def put(self, array: Array) -> Any:
        return tf.constant(np.array(array))

    def arrange(self, tensor: Any, layout: str) -> Any:
        """A tape knows tensors by name: the gradient of two inputs under one would be their sum."""
        return tf.identity(super().arrange(tensor, layout))

    def get(self, tensor: Any) -> Array:
        return np.asarray(tensor.numpy())

    def vmap(self, program: Any) -> Any:
        """`tf.vectorized_map`; what it does not vectorise it says, and puts no loop in its place."""

        def mapped(*arrays: Any) -> Any:
            return tf.vectorized_map(lambda samples: program(*samples), arrays, fallback_to_while_loop=False)

        return unmapped("tf.vectorized_map", mapped, (TypeError, ValueError), *UNMAPPED)

    def vjp(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point.primals)
            outputs = operation(*point.primals, **point.rest)
        return outputs, _pull(tape, outputs, point.primals, point.cotangents)

    def vjp_again(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(point.primals)
            outputs = operation(*point.primals, **point.rest)
        _pull(tape, outputs, point.primals, tuple(g * 0.5 for g in point.cotangents))
        return outputs, _pull(tape, outputs, point.primals, point.cotangents)

    def vjp_late(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point.primals)
            outputs = operation(*point.primals, **point.rest)
        with tf.GradientTape(watch_accessed_variables=False) as other:
            other.watch(point.tangents)
            operation(*point.tangents, **point.rest)
        return outputs, _pull(tape, outputs, point.primals, point.cotangents)

    def jvp(self, operation: Operation, point: Point) -> Tensors:
        with tf.autodiff.ForwardAccumulator(list(point.primals), list(point.tangents)) as accumulator:
            outputs = operation(*point.primals, **point.rest)
        # What a gradient has as slices of a table has its tangent so too.
        return tuple(tf.convert_to_tensor(accumulator.jvp(y, unconnected_gradients=_ZERO)) for y in outputs)

    def hvp(self, operation: Operation, point: Point) -> Tensors:
        return self._first_and_second(operation, point)[2]

    @property
    def gradients_on_the_way(self) -> bool:
        """Of eager code; of what is traced, one graph of all families would be compiled as no user's is."""
        return self.mode.partition("+")[0] == "eager"

    def all_families(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors, Tensors, Tensors]:
        outputs, gradients, turned = self._first_and_second(operation, point)
        return outputs, gradients, self.jvp(operation, point), turned

    def _first_and_second(self, operation: Operation, point: Point) -> tuple[Tensors, Tensors, Tensors]:
        """Outputs, VJP, and its derivative: an outer tape goes back through the inner one's gradients."""
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(point.primals)
            outputs, gradients = self.vjp(operation, point)
        return outputs, gradients, _pull(outer, gradients, point.primals, point.tangents)

    def double_vjp(self, operation: Operation, point: Point) -> Tensors:
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(point.cotangents)
            _, gradients = self.vjp(operation, point)
        return _pull(outer, gradients, point.cotangents, point.tangents)

    def failure(self, error: Exception) -> Failure:
        """As of `Adapter`, without the traces that TensorFlow writes into its messages."""
        failure = super().failure(error)
        message = failure.message.partition("The op is created at:")[0].strip()
        if "in user code:" in message or "Graph execution error:" in message:
            message = message.rpartition("\n\n")[2].strip()
        return Failure(failure.kind, message)


def _pull(tape: Any, outputs: Tensors, primals: Tensors, cotangents: Tensors) -> Tensors:
    pulled = tape.gradient(outputs, primals, cotangents, unconnected_gradients=_ZERO)
    # An embedding's gradient comes as slices of the table.
    return tuple(tf.convert_to_tensor(gradient) for gradient in pulled)
