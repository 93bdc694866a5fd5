"""What passes between the harness and the process of a target, besides requests: plain data, pickled."""

from dataclasses import dataclass

from nnparity.adapters.request import Observation


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


@dataclass(frozen=True)
class Response:
    """One observation, and the CPU seconds that the framework's calls took."""

    observation: Observation
    seconds: float
