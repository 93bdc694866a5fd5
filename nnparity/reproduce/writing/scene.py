"""What a script is to show: a quantity of a case on a target, and what is right."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnparity.reproduce.writing.answers import Answer
from nnparity.reproduce.writing.telling import Telling
from nnparity.spec import Case
from nnparity.spec.schema import WITH_GRAD, plain


@dataclass(frozen=True, eq=False)
class Scene:
    """What a script shows: a quantity of a case on a target, and what is right; no answers where it must raise."""

    case: Case
    quantity: str
    target: str
    versions: dict[str, str]
    telling: Telling
    title: str
    derivation: str
    note: str = ""
    #: The ordinary case that the numbers are drawn by, if there is one.
    drawn: Case | None = None
    #: Whether the sign of a zero counts.
    signed: bool = False
    #: Whether to raise is right too.
    may_raise: bool = False
    #: The shape of what is returned, and of a training run how many of its steps are judged.
    shape: tuple[int, ...] = ()
    steps: int | None = None
    #: Whether the target had all families but the plain output of one program.
    joint: bool = False

    @property
    def answers(self) -> Sequence[Answer]:
        """What is right of the elements that are compared."""
        return self.telling.answers

    @property
    def device(self) -> str:
        """Of the target."""
        return self.target.rsplit(":", 2)[1]

    @property
    def mode(self) -> str:
        """Of the target."""
        return self.target.rpartition(":")[2]

    @property
    def outputs(self) -> list[str]:
        """The formula's outputs."""
        return list(self.case.formula.results)

    @property
    def place(self) -> int:
        """Where the quantity stands in what the program of its family returns."""
        _, _, name = plain(self.quantity).partition(".")
        inward = self.quantity.partition(".")[0] in ("grad", "hvp")
        own = (list(self.case.formula.wrt) if inward else self.outputs).index(name) if name else 0
        return own + (self._before if self.together else 0)

    @property
    def _before(self) -> int:
        """How many results come before those of its family, where one program gives outputs, VJP, JVP and HVP."""
        sizes = {WITH_GRAD: len(self.outputs), "grad": len(self.case.formula.wrt), "jvp": len(self.outputs), "hvp": 0}
        order = list(sizes)
        return sum(sizes[one] for one in order[: order.index(self.family)])

    @property
    def together(self) -> bool:
        """Whether the quantity comes from that program."""
        return self.joint and self.family != "output"

    @property
    def family(self) -> str:
        """``output``, ``output.with_grad``, ``grad``, ``jvp`` or ``hvp``."""
        return WITH_GRAD if self.quantity.startswith(WITH_GRAD) else self.quantity.partition(".")[0]
