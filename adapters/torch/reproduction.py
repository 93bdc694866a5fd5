"""PyTorch in a script of its own: derivatives as `TorchBase` takes them."""

from types import MappingProxyType

from nnparity.adapters.dialect import BY_LEAVES, Dialect

PULL = '''
def pull(ys, xs, gs, again=False):
    """The vector-Jacobian products of torch.autograd; zeros where nothing is connected."""
    live = [(y, g) for y, g in zip(ys, gs) if y.requires_grad]
    if not live:
        return tuple(torch.zeros_like(x) for x in xs)
    ys, gs = zip(*live)
    return torch.autograd.grad(ys, xs, gs, create_graph=again, materialize_grads=True)


def leaves(xs):
    return tuple(x.detach().requires_grad_() for x in xs)
'''
FORWARD = """
with forward_ad.dual_level():
    duals = [forward_ad.make_dual(x, t) for x, t in zip(primals, tangents)]
    ys = [forward_ad.unpack_dual(y) for y in run(*duals, **rest)]
    return tuple(torch.zeros_like(y) if t is None else t for y, t in ys)
"""
DOUBLE = """
# The kernel has no forward mode. The VJP is linear in its cotangent: its own VJP is the JVP.
xs = leaves(primals)
ys = run(*xs, **rest)
gs = tuple(torch.zeros_like(y, requires_grad=True) for y in ys)
return pull(pull(ys, xs, gs, again=True), gs, tangents)
"""
TWICE = """
xs = leaves(primals)
return pull(pull(run(*xs, **rest), xs, cotangents, again=True), xs, tangents)
"""
MATH = "torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)"
TF32 = "torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = {}"

DIALECT = Dialect(
    imports="import torch\nimport torch.nn.attention\nfrom torch.autograd import forward_ad",
    floats="torch.tensor({array}, dtype=torch.{dtype}, device={device})",
    whole="torch.tensor({array}, device={device})",
    read="{y}.clone().double().numpy(force=True)",
    named='str({y}.dtype).removeprefix("torch.")',
    helpers=PULL,
    programs=MappingProxyType(
        {
            **BY_LEAVES,
            "output": "with torch.inference_mode():\n    return run(*primals, **rest)",
            "jvp": FORWARD,
            "double vjp": DOUBLE,
            "hvp": TWICE,
        }
    ),
    inside=MappingProxyType({"compiled": "run = torch.compile(run, fullgraph=True, dynamic=False)"}),
    settings=MappingProxyType(
        {
            "eager": TF32.format(False),
            "eager+tf32": TF32.format(True),
            "eager+nondeterministic": TF32.format(False),
        }
    ),
    device="'{kind}{index}'",
    keras="torch",
    contexts=MappingProxyType(
        {(formula, family): MATH for formula in ("*attention*", "listing_bert") for family in ("jvp", "hvp")}
    ),
    instead=MappingProxyType({"double VJP": "double vjp"}),
)
