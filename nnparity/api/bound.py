"""The API bound to a test: what the pytest fixture `parity` is. What does not conform fails the test by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnparity.api.arbitration import Arbitration, arbitrate
from nnparity.api.assertion import assert_close
from nnparity.api.check import check
from nnparity.api.own_formulas import Own, formula
from nnparity.api.results import Result
from nnparity.api.tolerances import Tolerance, tolerance


def _nowhere(name: str, value: object) -> None:
    """Keeps nothing."""


@dataclass(frozen=True)
class Parity:
    """`check` and `assert_close` raise AssertionError with the suite's message, and record what they found."""

    #: The dtype of checks that name none: that of the marker ``dtypes``, or float32.
    dtype: str = "float32"
    #: The level of checks that name none: ``--nnparity-level``, or quick.
    level: str = "quick"
    record: Callable[[str, object], None] = _nowhere

    def check(self, fn: Callable[..., Any], formula: str, **options: Any) -> Result:
        """As `nnparity.check`. Raises AssertionError unless it conforms."""
        __tracebackhide__ = True
        result = check(fn, formula, **({"dtype": self.dtype, "level": self.level} | options))
        self.record("nnparity", result.headline)
        if not result:
            raise AssertionError(str(result))
        return result

    def assert_close(self, actual: Any, formula: str | Own | None = None, /, **given: Any) -> Result:
        """As `nnparity.assert_close`."""
        __tracebackhide__ = True
        result = assert_close(actual, formula, **given)
        self.record("nnparity", result.headline)
        return result

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
