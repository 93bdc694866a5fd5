"""How a framework is spoken to in a script that stands alone: its arrays, and a program for each family of quantities.

An adapter's package has a `DIALECT` in its module `reproduction`, beside the module that says how it differentiates.
It is text, and says what the adapter does, in as few words as somebody needs who has only the framework.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

#: The bits of bfloat16 numbers, for a NumPy that has no such type: the upper half of each as float32.
UPPER_HALF = "({array}.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)"
#: First-order programs, where a helper ``pulled(primals, rest, cotangents)`` gives outputs and gradients ...
BY_PULLED = MappingProxyType(
    {
        "output": "return run(*primals, **rest)",
        "output.with_grad": "return pulled(primals, rest, cotangents)[0]",
        "grad": "return pulled(primals, rest, cotangents)[1]",
    }
)
#: ... and where helpers ``leaves(xs)`` and ``pull(ys, xs, gs)`` go back along a graph of operations.
BY_LEAVES = MappingProxyType(
    {
        "output.with_grad": "return run(*leaves(primals), **rest)",
        "grad": "xs = leaves(primals)\nreturn pull(run(*xs, **rest), xs, cotangents)",
    }
)


@dataclass(frozen=True)
class Dialect:
    """Each of `programs` is the body of ``program(primals, rest, cotangents, tangents)``, which returns a tuple.

    It calls ``run(*primals, **rest)``, the formula; `fixed` is the one for a formula without an input to differentiate
    by, if it is not that call alone. `floats` and `whole` make a tensor of a NumPy array `{array}`, the first in
    `{dtype}`; `read` gives the tensor `{y}` as float64 of NumPy's, `named` its dtype as text.
    """

    imports: str
    floats: str
    whole: str
    read: str
    named: str
    programs: Mapping[str, str]
    #: As `floats`, for bfloat16 where that is made otherwise.
    bfloat16: str = ""
    #: What arrays and every program need; definitions of ours, by dotted path, that the script carries for it.
    tools: str = ""
    taken: tuple[str, ...] = ()
    #: What the programs of derivatives need beside `run`.
    helpers: str = ""
    #: Mode -> how `program` is compiled.
    compiled: Mapping[str, str] = field(default_factory=dict)
    #: Whether of a training run each step is compiled by itself, and not the whole.
    steps: bool = False
    #: Mode -> how `run` itself is, where not the program around it.
    inside: Mapping[str, str] = field(default_factory=dict)
    #: Mode -> what holds in it.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: What holds around the call, as the head of a ``with``.
    around: str = ""
    #: The framework's own word for the device that is `{device}` in the others: number `{place}` of a `{kind}`, or
    #: of a `{KIND}`; `{index}` is `:1` for the second, and nothing for the first.
    device: str = ""
    #: Keras's name of this backend.
    keras: str = ""
    #: (Part of a formula's id, family, or a word of the note) -> further context: kernels that can be differentiated.
    contexts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    #: A word of an observation's note -> the program that was taken instead.
    instead: Mapping[str, str] = field(default_factory=dict)


def spoken(kind: Any) -> bool:
    """Whether such a module stands beside the one in which this class of adapters differentiates, or makes arrays."""
    packages = {getattr(kind, name).__module__.rpartition(".")[0] for name in ("vjp", "put")} - {""}
    return any(find_spec(f"{package}.reproduction") is not None for package in packages)
