"""MLX in a script of its own: derivatives as `MlxArrays` takes them."""

from types import MappingProxyType

from nnparity.adapters.dialect import BY_PULLED, Dialect

PULLED = '''
def pulled(primals, rest, cotangents):
    """The outputs, and the cotangents pulled back to the primals."""
    return mx.vjp(lambda *xs: list(run(*xs, **rest)), list(primals), list(cotangents))
'''
TWICE = """
def gradients(*xs):
    return pulled(xs, rest, cotangents)[1]
return mx.vjp(gradients, list(primals), list(tangents))[1]
"""

DIALECT = Dialect(
    imports="import mlx.core as mx\nimport mlx.nn",
    floats="mx.array({array}.astype(np.{dtype}), dtype=mx.{dtype})",
    bfloat16="mx.array({array}.astype(np.float32)).astype(mx.bfloat16)",
    whole="mx.array({array})",
    read="np.array({y}.astype(mx.float64))",
    named='str({y}.dtype).removeprefix("mlx.core.")',
    helpers=PULLED,
    programs=MappingProxyType(
        {
            **BY_PULLED,
            "jvp": "return mx.jvp(lambda *xs: list(run(*xs, **rest)), list(primals), list(tangents))[1]",
            "hvp": TWICE,
        }
    ),
    settings=MappingProxyType({"": "mx.set_default_device(mx.cpu)"}),
)
