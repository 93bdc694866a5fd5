"""PaddlePaddle in a script of its own: derivatives as `PaddleArrays` takes them."""

from types import MappingProxyType

from nnparity.adapters.dialect import BY_LEAVES, UPPER_HALF, Dialect

PULL = '''
def pull(ys, xs, gs, again=False):
    """The vector-Jacobian products of paddle.grad; zeros where nothing is connected."""
    live = [(y, g) for y, g in zip(ys, gs) if not y.stop_gradient]
    if not live:
        return [paddle.zeros_like(x) for x in xs]
    ys, gs = map(list, zip(*live))
    found = paddle.grad(ys, list(xs), gs, create_graph=again, allow_unused=True)
    return [paddle.zeros_like(x) if g is None else g for x, g in zip(xs, found)]


def leaves(xs):
    found = [x.detach() for x in xs]
    for x in found:
        x.stop_gradient = False
    return found
'''
DOUBLE = """
# There is no forward mode. The VJP is linear in its cotangent: its own VJP is the JVP.
xs = leaves(primals)
ys = run(*xs, **rest)
gs = leaves([paddle.zeros_like(y) for y in ys])
return pull(pull(ys, xs, gs, again=True), gs, tangents)
"""
TWICE = """
xs = leaves(primals)
return pull(pull(run(*xs, **rest), xs, cotangents, again=True), xs, tangents)
"""

DIALECT = Dialect(
    imports="import paddle",
    floats='paddle.to_tensor({array}.astype(np.{dtype}), place="cpu")',
    bfloat16=f'paddle.to_tensor({UPPER_HALF}, place="cpu")',  # it takes whole numbers of 16 bits for bfloat16
    whole='paddle.to_tensor({array}, place="cpu")',
    read='{y}.detach().astype("float64").numpy()',
    named='str({y}.dtype).removeprefix("paddle.")',
    helpers=PULL,
    programs=MappingProxyType(
        {
            **BY_LEAVES,
            "output": "with paddle.no_grad():\n    return run(*primals, **rest)",
            "jvp": DOUBLE,
            "hvp": TWICE,
        }
    ),
    settings=MappingProxyType({"": 'paddle.set_device("cpu")'}),
)
