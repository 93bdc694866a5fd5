"""The operations that `blocks` is written over, of each framework; imported in a process of its own."""

from typing import Any

import numpy as np


class NumpyOps:
    """Plain arrays; half precision is ml_dtypes' or NumPy's own."""

    exp, log, sqrt, maximum, matmul = np.exp, np.log, np.sqrt, np.maximum, np.matmul

    def max(self, x: Any) -> Any:
        return x.max(-1, keepdims=True)

    def sum(self, x: Any) -> Any:
        return x.sum(-1, keepdims=True)

    def cat(self, parts: list[Any]) -> Any:
        return np.concatenate(parts, -1)

    def swap(self, x: Any) -> Any:
        return np.swapaxes(x, -1, -2)

    def wide(self, x: Any) -> Any:
        return x.astype(np.float32) if x.dtype.itemsize < 4 else x

    def wide_like(self, x: Any, like: Any) -> Any:
        return x.astype(like.dtype)

    def narrow(self, x: Any, like: Any) -> Any:
        return x.astype(like.dtype)

    like = narrow

    def half(self, x: Any) -> Any:
        return x.astype(np.float16).astype(x.dtype)

    def digits(self, x: Any) -> int:
        return 53 if x.dtype == np.float64 else 24

    def stopped(self, x: Any) -> Any:
        return x


class TorchOps(NumpyOps):
    """PyTorch's."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self.exp, self.log, self.sqrt, self.matmul = torch.exp, torch.log, torch.sqrt, torch.matmul

    def maximum(self, x: Any, y: Any) -> Any:
        return self.torch.maximum(x, self.torch.as_tensor(y, dtype=x.dtype))

    def max(self, x: Any) -> Any:
        return x.amax(-1, keepdim=True)

    def sum(self, x: Any) -> Any:
        return x.sum(-1, keepdim=True)

    def cat(self, parts: list[Any]) -> Any:
        return self.torch.cat(parts, -1)

    def swap(self, x: Any) -> Any:
        return x.mT

    def wide(self, x: Any) -> Any:
        return x.float() if x.dtype.itemsize < 4 else x

    def wide_like(self, x: Any, like: Any) -> Any:
        return x.to(like.dtype)

    def narrow(self, x: Any, like: Any) -> Any:
        return x.to(like.dtype)

    like = narrow

    def half(self, x: Any) -> Any:
        return x.half().to(x.dtype)

    def digits(self, x: Any) -> int:
        return 53 if x.dtype == self.torch.float64 else 24

    def stopped(self, x: Any) -> Any:
        return x.detach()


class JaxOps(NumpyOps):
    """JAX's."""

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        self.jax, self.jnp = jax, jnp
        self.exp, self.log, self.sqrt, self.maximum, self.matmul = jnp.exp, jnp.log, jnp.sqrt, jnp.maximum, jnp.matmul

    def cat(self, parts: list[Any]) -> Any:
        return self.jnp.concatenate(parts, -1)

    def swap(self, x: Any) -> Any:
        return self.jnp.swapaxes(x, -1, -2)

    def stopped(self, x: Any) -> Any:
        return self.jax.lax.stop_gradient(x)


class TensorflowOps(NumpyOps):
    """TensorFlow's."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf
        self.exp, self.log, self.sqrt, self.maximum = tf.exp, tf.math.log, tf.sqrt, tf.maximum
        self.matmul = tf.matmul

    def max(self, x: Any) -> Any:
        return self.tf.reduce_max(x, -1, keepdims=True)

    def sum(self, x: Any) -> Any:
        return self.tf.reduce_sum(x, -1, keepdims=True)

    def cat(self, parts: list[Any]) -> Any:
        return self.tf.concat(parts, -1)

    def swap(self, x: Any) -> Any:
        return self.tf.linalg.matrix_transpose(x)

    def wide(self, x: Any) -> Any:
        return self.tf.cast(x, self.tf.float32) if x.dtype.size < 4 else x

    def wide_like(self, x: Any, like: Any) -> Any:
        return self.tf.cast(x, like.dtype)

    def narrow(self, x: Any, like: Any) -> Any:
        return self.tf.cast(x, like.dtype)

    like = narrow

    def half(self, x: Any) -> Any:
        return self.tf.cast(self.tf.cast(x, self.tf.float16), x.dtype)

    def digits(self, x: Any) -> int:
        return 53 if x.dtype == self.tf.float64 else 24

    def stopped(self, x: Any) -> Any:
        return self.tf.stop_gradient(x)


OPS = {"numpy": NumpyOps, "torch": TorchOps, "jax": JaxOps, "tensorflow": TensorflowOps}
