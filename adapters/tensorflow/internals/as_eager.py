"""What a graph does otherwise than eager code whatever optimizes it, undone: for `nnparity passes` alone.

No target is judged with it. The names are private ones of TensorFlow and Keras; without them the import fails, which is
told.
"""

from functools import partial, reduce
from types import SimpleNamespace
from typing import Any

import tensorflow as tf
from keras.src import backend as keras_backend  # where layers call it
from tensorflow.python.ops import gen_math_ops, math_grad  # where tapes call them

from nnparity.adapters.switches.grappler import ADD_N, GRADIENTS, UNROLL


def add_in_order() -> None:
    """From now on sums of tensors are taken in the order of their values, element by element.

    Gradients of what is used three times or more are such sums. Tapes hand their terms over in the order of a hash of
    numbers that tensors were given; and the kernel of `AddN` starts from a term whose memory it may take for the sum,
    which in eager code is none, as all are held.
    """
    gen_math_ops.add_n = partial(_in_order, gen_math_ops.add_n)


def build_gradients() -> None:
    """From now on gradients in a graph are built as in eager code: the gradient of a sum is `BroadcastTo`.

    Where a graph knows the shape it is `Tile`, the gradient of which adds up over axes that it makes itself.
    """
    math_grad.context = _Eagerly(math_grad.context)


def unroll() -> None:
    """From now on recurrent layers go from step to step without a loop of TensorFlow's.

    The gradient of a loop in a graph is a loop that adds up step by step; eager code adds all steps at once.
    """
    keras_backend.rnn = partial(_unrolled, keras_backend.rnn)


def _unrolled(loop: Any, *arguments: Any, **options: Any) -> Any:
    return loop(*arguments, **{**options, "unroll": True})


class _Eagerly:
    """TensorFlow's module of that name, which says that code is run op by op, and keeps no tensors of a graph."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def executing_eagerly(self) -> bool:
        return True

    def context(self) -> Any:
        return SimpleNamespace(ones_rank_cache=_NothingKept)


class _NothingKept:
    def get(self, _: int) -> None:
        """There is none."""

    def put(self, _: int, __: Any) -> None:
        """It would be of another graph."""


def _in_order(otherwise: Any, inputs: Any, name: str | None = None) -> Any:
    """The least first; lists of tensors, which loops keep, as before."""
    if all(one.dtype.is_floating for one in inputs):
        return reduce(gen_math_ops.add_v2, tf.unstack(tf.sort(tf.stack(inputs), axis=0)))
    return otherwise(inputs, name)


#: The key of a setting -> what does it.
UNDO = {ADD_N: add_in_order, GRADIENTS: build_gradients, UNROLL: unroll}
