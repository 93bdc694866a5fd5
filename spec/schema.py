"""The types of the spec: what one entry of ``formulas/*.toml`` holds."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

import msgspec

Scalar = int | float | bool | str
Attributes = dict[str, Scalar]
#: Plan levels, smallest first. A signature belongs to its level and to all larger ones.
LEVELS = ("quick", "core", "full")
#: The chapter of a function of the caller's own.
OWN = "own"
#: The families of quantities, in the order they are computed and shown.
QUANTITIES = ("output", "grad", "jvp", "hvp")
#: The family of what came along with the VJP as output, told only where it is not the plain forward's, bit for bit.
WITH_GRAD = "output.with_grad"
Level = Literal["quick", "core", "full"]
#: What the numbers of an input may be; "label k" is a whole number from 0 to k-1, k a symbol of the shapes. Of
#: real data "feature", "class k" and "response" are what is known of a sample and what is to be learnt of it;
#: "weight c*p*q" is a parameter with so many inputs, drawn at the scale 1/sqrt(c p q).
DOMAINS = (
    *("real", "positive", "probability", "distribution", "target", "position", "label", "mask"),
    *("feature", "class", "response", "weight"),
)
#: Of these the word behind the domain says how many there are, as a symbolic size.
BOUNDED = ("label", "class", "weight")


class Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The formula's name in both languages of the primer's readers."""

    en: str
    zh: str


class Erratum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the primer cannot be meant literally: what it says, why it fails, what we take it to mean."""

    says: str
    why: str
    means: str


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A known wrong or different reading: the reference's keywords that give it, and its name in words."""

    set: dict[str, Scalar | list[int]]
    says: str


class Permit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer that is right too, where the formula does not decide: a subgradient at a tie, max(0, NaN).

    `set` holds the reference's keywords that give it (none: the reference's own answer, put into words); `raises`
    permits an error instead of an answer; `quantity` is a shell pattern.
    """

    says: str
    quantity: str = "*"
    set: dict[str, Scalar | list[int]] = {}
    raises: bool = False

    def covers(self, quantity: str) -> bool:
        """Whether it speaks of that quantity."""
        return fnmatchcase(quantity, self.quantity)


class Pool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How further signatures of a formula are drawn: see `spec.cases.pool`.

    `sizes` says of each dimension of which kind it is (`spec.cases.sizes.KINDS`), `values` which of its values an
    attribute takes. `where` binds them, as in ``"p <= h"``; in ``"d = heads*k"`` the symbol on the left has its size
    from the others, of which k, in no shape, is a factor too. `work` is how many products the output adds up, as a
    symbolic size. `datasets` are those of the pool, where not the formula's own.
    """

    sizes: dict[str, str]
    values: dict[str, tuple[Scalar, ...]] = {}
    where: tuple[str, ...] = ()
    work: str = "1"
    datasets: tuple[str, ...] = ()


class Signature(msgspec.Struct, frozen=True):
    """Dimensions and attributes of a case; `id` reads like ``n2c3h9w8`` or ``b2t4d8-heads2``.

    One of the pool says the size classes of its dimensions. `dtypes` are those that it is asked in, where it is not
    every one of the formula: a size may say something of one format alone.
    """

    id: str
    dims: dict[str, int]
    attributes: Attributes
    level: Level
    datasets: tuple[str, ...]
    classes: dict[str, str] = {}
    dtypes: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """What the symbols of the shapes are: its dimensions, and the whole numbers among its attributes."""
        return self.dims | {name: value for name, value in self.attributes.items() if type(value) is int}


class Formula(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One formula of the primer, or of the `pack` that is named, of which `edition` is a hash.

    `inputs` and `output` (or `outputs`, when there are several) are symbolic shapes; `wrt` names the
    inputs it is differentiated by; `attributes` the keywords it takes and their defaults; a signature is a
    table of dimensions and attributes, with an optional `level`, `datasets` and `dtypes` of its own; `pool` says how
    more of them are drawn.
    `variants` are what it is usually taken for; `rewritings` the same function in another code, which loses other
    digits: what a record of a known divergence may expect.
    `composition` marks formulas that chain many others: their hard budget is statistical, since a
    worst-case bound grows with the product of all norms. A `trajectory` is a training run: the first axis of every
    output counts its steps, the output `losses` says what each has lost, and steps are judged while that is known.

    For special values (`spec.cases.special_values`): `specials` names datasets beyond the usual ones, `permits` what is
    right where the formula does not decide, by dataset; `subnormal` the inputs in which the result is of first order,
    when not the first and the biases; `begins` the constant that an input is where training or a sequence begins, as a
    state of 0 and a scale of 1, for which kernels may have other code; `least` the smallest size of a dimension, when
    not 1, and a number for an attribute that may not be 0. `elementwise` formulas are swept over all numbers.
    `vanishing` quantities are 0 in exact arithmetic. `rejects` names what must be refused: input -> a shape that does
    not fit, or a word of `spec.cases.invalid_inputs.WORDS`. `kernels` are those of a pack's formula, backend -> the
    path of what computes it, where that takes the inputs as they are and there is nothing else.
    """

    section: str
    title: Title
    latex: str
    inputs: dict[str, str]
    wrt: tuple[str, ...]
    signatures: tuple[dict[str, Scalar | list[str]], ...]
    datasets: tuple[str, ...] = ("normal", "small", "wide")
    output: str | None = None
    outputs: dict[str, str] = {}
    attributes: Attributes = {}
    domains: dict[str, str] = {}
    conventions: dict[str, str] = {}
    errata: tuple[Erratum, ...] = ()
    variants: dict[str, Variant] = {}
    rewritings: dict[str, Variant] = {}
    composition: bool = False
    elementwise: bool = False
    specials: tuple[str, ...] = ()
    vanishing: tuple[str, ...] = ()
    permits: dict[str, tuple[Permit, ...]] = {}
    subnormal: tuple[str, ...] = ()
    begins: dict[str, float] = {}
    least: dict[str, int] = {}
    rejects: dict[str, dict[str, str]] = {}
    trajectory: bool = False
    pool: Pool | None = None
    dtypes: tuple[str, ...] = ("float64", "float32", "float16", "bfloat16")
    id: str = ""
    chapter: str = ""
    pack: str = ""
    edition: str = ""
    kernels: dict[str, str] = {}

    @cached_property
    def results(self) -> dict[str, str]:
        """Output name -> symbolic shape; a single output is called ``output``."""
        return self.outputs or {"output": self.output or ""}

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """All that may be judged of it: ``output`` and ``jvp``, of several outputs each, and each gradient and HVP."""
        suffixes = [f".{name}" for name in self.results] if len(self.results) > 1 else [""]
        outputs = ("output", "jvp") if self.wrt else ("output",)
        return (
            *(f"{family}{suffix}" for family in outputs for suffix in suffixes),
            *(f"{family}.{name}" for family in ("grad", "hvp") for name in self.wrt),
        )

    def families(self, asked: Iterable[str]) -> frozenset[str]:
        """Those of the families asked for that it has: without a derivative its output alone."""
        return frozenset(asked) if self.wrt else frozenset(asked) & {"output"}

    @cached_property
    def recordable(self) -> dict[str, Variant]:
        """What a record of a known divergence may expect by name: variants and rewritings."""
        return self.variants | self.rewritings

    def domain(self, name: str) -> str:
        """What the numbers of input `name` may be: one of DOMAINS."""
        return self.domains.get(name, "real").partition(" ")[0]

    def integer(self, name: str) -> bool:
        """Whether input `name` holds whole numbers, which have no derivative."""
        return self.domain(name) in ("label", "class", "mask")


def plain(quantity: str) -> str:
    """The quantity that is expected in the place of `quantity`: of an output with gradients the output."""
    return quantity.replace(WITH_GRAD, "output", 1)
