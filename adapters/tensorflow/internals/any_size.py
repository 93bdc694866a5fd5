"""The type of a function for tensors of any size, of the type of one for some sizes.

`tf.function` calls this relaxing shapes (`reduce_retracing`), and comes to it step by step, size by size that it meets.
"""

from typing import Any

import tensorflow as tf
from tensorflow.core.function.polymorphism.function_type import FunctionType, Parameter
from tensorflow.core.function.trace_type.default_types import List, Tuple


def of_any_size(function_type: Any) -> Any:
    """The same parameters, whose tensors have as many axes and the same dtypes."""
    parameters = [
        Parameter(one.name, one.kind, one.optional, _relaxed(one.type_constraint))
        for one in function_type.parameters.values()
    ]
    return FunctionType(parameters, function_type.captures)


def is_of_any_size(function_type: Any) -> bool:
    """Whether a function serves all tensors of its dtypes and numbers of axes; to variables and lists there is more."""
    kinds = function_type.flat_inputs
    plain = all(isinstance(one, tf.TensorSpec) and one.dtype not in (tf.resource, tf.variant) for one in kinds)
    return plain and all(one.shape.rank is not None and all(axis is None for axis in one.shape) for one in kinds)


def _relaxed(told: Any) -> Any:
    if isinstance(told, tf.TensorSpec):
        return tf.TensorSpec(None if told.shape.rank is None else [None] * told.shape.rank, told.dtype)
    if isinstance(told, Tuple):
        return Tuple(*map(_relaxed, told.components))
    if isinstance(told, List):
        return List(*map(_relaxed, told.components_tuple.components))
    return told
