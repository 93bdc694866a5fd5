"""tinygrad in a script of its own: derivatives as `TinygradArrays` takes them, which has none of second order."""

from types import MappingProxyType

from nnparity.adapters.dialect import BY_PULLED, UPPER_HALF, Dialect

PULLED = '''
def pulled(primals, rest, cotangents):
    """The outputs, and the cotangents pulled back to the primals, realised together."""
    ys = run(*primals, **rest)
    rows = [y.gradient(*primals, gradient=g) for y, g in zip(ys, cotangents)]
    found = [reduce(add, column) for column in zip(*rows)]
    Tensor.realize(*ys, *found)
    return ys, found
'''
TOGETHER = """
ys = run(*primals, **rest)
Tensor.realize(*ys)
return ys
"""

DIALECT = Dialect(
    imports="from functools import reduce\nfrom operator import add\nfrom tinygrad import Tensor, dtypes",
    floats='Tensor({array}.astype(np.{dtype}), device="CPU").realize()',
    bfloat16=f'Tensor({UPPER_HALF}, device="CPU").bitcast(dtypes.bfloat16).realize()',
    whole='Tensor({array}, device="CPU").realize()',
    read="{y}.numpy().astype(np.float64)",
    named="NAMES.get({y}.dtype)",
    tools='NAMES = {getattr(dtypes, name): name for name in ("float64", "float32", "float16", "bfloat16")}',
    helpers=PULLED,
    programs=MappingProxyType(
        {
            **BY_PULLED,
            "output": TOGETHER,
            "fixed": TOGETHER,
        }
    ),
)
