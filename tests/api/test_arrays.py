"""Arrays of each framework come over exact to the bit, in half precision too; its settings are left as they were."""

import pytest

from nnparity.tests.api.judged import told

HEAD = """
import ml_dtypes, numpy as np, nnparity
from nnparity.adapters.function import framework_of, to_numpy
random = np.random.default_rng(0)
NAMES = ("float64", "float32", "float16", "bfloat16")
def same(made, name):
    x, y = made, to_numpy(made)
    assert framework_of(made) == FRAMEWORK, framework_of(made)
    assert y.dtype.name == name, (y.dtype, name)
    return y
def numbers(name):
    return random.normal(size=(3, 4)).astype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
"""
BODIES = {
    "torch": """
import torch
for name in NAMES:
    exact = numbers(name)
    made = torch.tensor(exact.astype("float64")).to(getattr(torch, name)).requires_grad_()
    assert (same(made.mT, name) == exact.T).all()
x = torch.ones(2, 3, requires_grad=True)
nnparity.assert_close(torch.relu(x), "relu", x=x)
assert nnparity.tolerance("relu", n=2, dtype=torch.float16).hard.shape == (2, 5)
assert nnparity.check(torch.relu, "relu", dtype=torch.bfloat16, framework="torch")
""",
    "jax": """
import jax, jax.numpy as jnp
for name in NAMES[1:]:
    exact = numbers(name)
    assert (same(jnp.asarray(exact), name) == exact).all()
x = jnp.ones((2, 3))
nnparity.assert_close(jax.nn.relu(x), "relu", x=x)
assert nnparity.check(jax.nn.relu, "relu", dtype="float64", quantities=("output", "grad", "jvp"))
assert nnparity.check(jax.jit(jax.nn.relu), "relu", dtype=jnp.float32)
assert jnp.ones(1, float).dtype == jnp.float32, "float64 is off again"
assert jax.config.jax_default_matmul_precision is None
""",
    "tensorflow": """
import tensorflow as tf
for name in NAMES:
    exact = numbers(name)
    assert (same(tf.constant(exact), name) == exact).all()
    assert (same(tf.Variable(exact), name) == exact).all()
x = tf.ones((2, 3))
nnparity.assert_close(tf.nn.relu(x), "relu", x=x)
assert nnparity.check(tf.nn.relu, "relu", dtype=tf.bfloat16)
assert nnparity.check(tf.function(tf.nn.relu), "relu", framework="tensorflow")
assert tf.config.experimental.tensor_float_32_execution_enabled(), "as TensorFlow has it"
""",
}


@pytest.mark.parametrize("framework", BODIES)
def test_arrays_and_settings_of(request: pytest.FixtureRequest, framework: str) -> None:
    assert told(request, framework, "arrays") is None  # what is asserted above was true
