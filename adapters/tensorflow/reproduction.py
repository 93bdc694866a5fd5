"""TensorFlow in a script of its own: derivatives as `TensorflowBase` takes them."""

from types import MappingProxyType

from nnparity.adapters.dialect import BY_PULLED, Dialect

PULLED = '''
def pulled(primals, rest, cotangents):
    """The outputs, and the cotangents pulled back to the primals."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(primals)
        ys = run(*primals, **rest)
    return ys, gradients(tape, ys, primals, cotangents)


def gradients(tape, ys, xs, gs):
    found = tape.gradient(ys, xs, gs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return tuple(map(tf.convert_to_tensor, found))
'''
FORWARD = """
with tf.autodiff.ForwardAccumulator(list(primals), list(tangents)) as accumulator:
    ys = run(*primals, **rest)
return tuple(accumulator.jvp(y, unconnected_gradients=tf.UnconnectedGradients.ZERO) for y in ys)
"""
TWICE = """
with tf.GradientTape(watch_accessed_variables=False) as outer:
    outer.watch(primals)
    _, found = pulled(primals, rest, cotangents)
return gradients(outer, found, primals, tangents)
"""
TF32 = "tf.config.experimental.enable_tensor_float_32_execution({})"

DIALECT = Dialect(
    imports="import tensorflow as tf",
    floats="tf.constant({array}.astype(tf.{dtype}.as_numpy_dtype))",
    whole="tf.constant({array})",
    read="np.asarray({y}.numpy()).astype(np.float64)",
    named="{y}.dtype.name",
    helpers=PULLED,
    programs=MappingProxyType(
        {
            **BY_PULLED,
            "jvp": FORWARD,
            "hvp": TWICE,
        }
    ),
    compiled=MappingProxyType({"graph": "tf.function(program)", "compiled": "tf.function(program, jit_compile=True)"}),
    settings=MappingProxyType({"": TF32.format(False), "eager+tf32": TF32.format(True)}),
    around="tf.device({device})",
    device="'{KIND}:{place}'",
    keras="tensorflow",
)
