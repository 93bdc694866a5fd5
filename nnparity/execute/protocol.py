"""What passes between the harness and the process of a target, besides requests: plain data, see `messages`."""

from dataclasses import dataclass, field

from nnparity.adapters.request import Observation
from nnparity.spec.schema import LEVELS


@dataclass(frozen=True)
class TargetInfo:
    """What a target says of itself. `kernels` is formula -> (calls, composed, because, convention)."""

    target: str
    versions: dict[str, str]
    kernels: dict[str, tuple[str, bool, str, str]]
    unsupported: dict[str, str]
    second_order: str
    devices: list[str]
    import_seconds: float
    nondeterministic: dict[str, str] = field(default_factory=dict)
    layouts: tuple[str, ...] = ()
    precision: dict[tuple[str, str, str], str] = field(default_factory=dict)
    #: Whether a script can be written that needs its framework alone, see `adapters.dialect`.
    spoken: bool = False
    #: A digest of the code of an adapter that does not come with nnparity, see `adapters.inspection.source_of`.
    source: str = ""
    #: Whether it sets itself on how many threads its kernels run, see `Adapter.on_threads`.
    sets_threads: bool = False
    #: Which of the methods it has that not every adapter has, see `OptionalMethods.gives`.
    gives: tuple[str, ...] = ()
    #: Those of them that take seconds, see `OptionalMethods.slow`.
    slow: tuple[str, ...] = ()
    #: Families of quantities that it gives of no formula -> the reason, see `adapters.inspection.lacking`.
    lacking: dict[str, str] = field(default_factory=dict)

    def asked(self, level: str) -> list[str]:
        """Those of `gives` that a plan of that level asks for."""
        return [method for method in self.gives if method not in self.slow or level == LEVELS[-1]]


@dataclass(frozen=True)
class Response:
    """One observation, the CPU seconds that the framework's calls took, and how a family of quantities was come by.

    `programs` are those that it took, see `Adapter.programs`. `number` counts the responses to one list of requests.
    """

    observation: Observation
    seconds: float
    notes: dict[str, str] = field(default_factory=dict)
    programs: dict[str, int] = field(default_factory=dict)
    number: int = 0
