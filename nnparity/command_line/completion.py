"""What a shell offers for the value of an option or an argument: names of formulas, backends, dtypes and so on."""

from collections.abc import Callable, Iterable

from nnparity.adapters.registry import names
from nnparity.spec import DTYPES, load
from nnparity.spec.schema import LEVELS, QUANTITIES


def offered(found: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What typer asks for the names that begin as what is typed; they are looked up when it asks."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in found() if name.startswith(incomplete)]

    return complete


formulas = offered(load)
backends = offered(names)
dtypes = offered(lambda: DTYPES)
quantities = offered(lambda: QUANTITIES)
levels = offered(lambda: LEVELS)
