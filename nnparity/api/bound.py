"""The API bound to a test: what the pytest fixture `parity` is. What does not conform fails the test by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnparity.api.arbitration import Arbitration, arbitrate
from nnparity.api.assertion import compared
from nnparity.api.check import check
from nnparity.api.own_formulas import Own, formula
from nnparity.api.packs import Pack, load_pack
from nnparity.api.results import Result
from nnparity.api.tolerances import Tolerance, tolerance


def _nowhere(name: str, value: object) -> None:
    """Keeps nothing."""


def _unported(*models: Any, **options: Any) -> Any:
    """In the place of `nnparity.port`, which this room does not know."""
    raise NotImplementedError("this Parity was made without porting=nnparity.port")


@dataclass(frozen=True)
class Parity:
    """`check`, `assert_close` and `port` raise AssertionError with the suite's message, and record what they found."""

    #: The dtype of checks that name none: that of the marker ``dtypes``, or float32.
    dtype: str = "float32"
    #: The level of checks that name none: ``--nnparity-level``, or quick.
    level: str = "quick"
    record: Callable[[str, object], None] = _nowhere
    #: `nnparity.port`, from whoever makes this.
    porting: Callable[..., Any] = _unported
    #: What was loaded, to be closed when the test has ended.
    packs: list[Pack] = field(default_factory=list)

    def check(self, fn: Callable[..., Any], formula: str, **options: Any) -> Result:
        """As `nnparity.check`. Raises AssertionError unless it conforms."""
        __tracebackhide__ = True
        result = check(fn, formula, **({"dtype": self.dtype, "level": self.level} | options))
        self._passed(result)
        return result

    def assert_close(self, actual: Any, formula: str | Own | None = None, /, **given: Any) -> Result:
        """As `nnparity.assert_close`."""
        __tracebackhide__ = True
        result = compared(actual, formula, **given)
        self._passed(result)
        return result

    def port(self, a: Any, b: Any, inputs: Any, **options: Any) -> Any:
        """As `nnparity.port`. Raises AssertionError unless all layers conform."""
        __tracebackhide__ = True
        result = self.porting(a, b, inputs, **options)
        self._passed(result)
        return result

    def _passed(self, result: Any) -> None:
        """Records a result, then raises AssertionError unless it conforms."""
        __tracebackhide__ = True
        self.record("nnparity", result.headline)
        if not result:
            raise AssertionError(str(result))

    def load_pack(self, folder: str | Path) -> Pack:
        """As `nnparity.load_pack`, until the test has ended."""
        self.packs.append(load_pack(folder))
        return self.packs[-1]

    def close(self) -> None:
        """Forgets the packs."""
        while self.packs:
            self.packs.pop().close()

    def tolerance(self, formula: str | Own, **given: Any) -> Tolerance:
        """As `nnparity.tolerance`."""
        return tolerance(formula, **given)

    def arbitrate(
        self,
        a: Any,
        b: Any,
        formula: str | Own,
        /,
        *,
        inputs: Mapping[str, Any] | None = None,
        wrt: str | Sequence[str] | None = None,
        **given: Any,
    ) -> Arbitration:
        """As `nnparity.arbitrate`."""
        return arbitrate(a, b, formula, inputs=inputs, wrt=wrt, **given)

    def formula(self, fn: Callable[..., Any], vjp: Callable[..., Any] | None = None) -> Own:
        """As `nnparity.formula`."""
        return formula(fn, vjp)
