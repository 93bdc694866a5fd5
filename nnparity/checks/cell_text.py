"""Cells of the further tables: what a target does, said once for all dtypes and quantities that agree."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from nnparity.reports.records import SHORT


@dataclass
class CellText:
    """Sayings about topics (datasets), each with the dtypes that it holds for."""

    dtypes: tuple[str, ...]
    said: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)

    def add(self, topic: str, saying: str, dtype: str) -> None:
        """Notes that in `dtype` the topic goes like this."""
        self.said.setdefault(topic, {}).setdefault(saying, {})[dtype] = None

    def text(self, plain: str) -> str:
        """All of it in one line: the topics of which only `plain` is said, then the others with their own words."""
        usual = [topic for topic, sayings in self.said.items() if set(sayings) == {plain}]
        parts = [f"{', '.join(usual)}: {plain}"] if usual else []
        rest = [topic for topic in self.said if topic not in usual]
        return "; ".join(parts + [f"{topic}: {self._of(topic, plain)}" for topic in rest])

    def _of(self, topic: str, plain: str) -> str:
        """The sayings of a topic; `plain` is left out beside others of the same dtypes."""
        sayings = self.said[topic]
        told = {dtype for saying, dtypes in sayings.items() if saying != plain for dtype in dtypes}
        asked = {dtype for dtypes in sayings.values() for dtype in dtypes}
        shown = []
        for saying, dtypes in sayings.items():
            own = [dtype for dtype in dtypes if saying != plain or dtype not in told]
            if own:
                shown.append(saying if len(own) == len(asked) else f"{saying} ({short(own)})")
        return ", ".join(shown)


def short(dtypes: Iterable[str]) -> str:
    """Short names side by side."""
    return " ".join(SHORT.get(dtype, dtype) for dtype in dtypes)
