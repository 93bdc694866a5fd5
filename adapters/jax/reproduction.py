"""JAX in a script of its own: derivatives as `JaxBase` takes them."""

from types import MappingProxyType

from nnparity.adapters.dialect import BY_PULLED, Dialect

PULLED = '''
def pulled(primals, rest, cotangents):
    """The outputs, and the cotangents pulled back to the primals."""
    ys, pull = jax.vjp(lambda *xs: run(*xs, **rest), *primals)
    return ys, pull(tuple(g.astype(y.dtype) for g, y in zip(cotangents, ys)))
'''
TWICE = """
def gradients(*xs):
    return pulled(xs, rest, cotangents)[1]
return jax.jvp(gradients, primals, tangents)[1]
"""
ALL = """
# One program gives outputs, VJP, JVP and HVP: what XLA fuses depends on what it is asked for.
def everything(*xs):
    return pulled(xs, rest, cotangents)
there, moved = jax.jvp(everything, primals, tangents)
return tuple(y for part in (*there, *moved) for y in part)
"""
PRODUCTS = 'jax.config.update("jax_default_matmul_precision", "{}")'

DIALECT = Dialect(
    imports="import jax\nimport jax.numpy as jnp",
    floats="jnp.asarray({array}.astype(jnp.{dtype}))",
    whole="jnp.asarray({array})",
    read="np.asarray({y}).astype(np.float64)",
    named="str({y}.dtype)",
    helpers=PULLED,
    programs=MappingProxyType(
        {
            **BY_PULLED,
            "jvp": "return jax.jvp(lambda *xs: run(*xs, **rest), primals, tangents)[1]",
            "hvp": TWICE,
            "joint": ALL,
        }
    ),
    compiled=MappingProxyType(
        dict.fromkeys(("compiled", "compiled+tf32", "compiled+nondeterministic"), "jax.jit(program)")
    ),
    steps=True,
    settings=MappingProxyType(
        {
            "": f'jax.config.update("jax_enable_x64", True)\n{PRODUCTS.format("highest")}',
            "compiled+tf32": PRODUCTS.format("tensorfloat32"),
        }
    ),
    around="jax.default_device({device})",
    device="jax.local_devices(backend='{kind}')[{place}]",
    keras="jax",
)
