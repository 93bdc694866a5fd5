"""What a target computes instead of a case as it is written: a variant, in an inner dtype."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnparity.expect.expected import Array
from nnparity.expect.precision_models import arithmetic
from nnparity.reference.readings import Arithmetic
from nnparity.spec import DTYPES, Dtype
from nnparity.spec.precision import NARROW


@dataclass(frozen=True)
class Instead:
    """Further keywords of the reference, and the dtype that it is computed in, where that is not the case's.

    `inward` says that the inputs are rounded to that dtype first.
    """

    variant: tuple[tuple[str, Any], ...] = ()
    inner: str = ""
    inward: bool = False

    def dtype(self, case: Dtype) -> Dtype:
        """That of the roundings, of a case of that one."""
        return DTYPES[self.inner] if self.inner else case

    @property
    def rounding(self) -> Callable[[Array], Array] | None:
        """What becomes of the inputs."""
        within = DTYPES[self.inner] if self.inner and self.inward else None
        return (lambda x: np.asarray(within.round(x).astype(np.float64))) if within else None

    def numbers(self, flush: bool) -> Arithmetic | None:
        """The inner arithmetic, whose constants are rounded too."""
        return replace(arithmetic(self.inner, flush, NARROW), holds=lambda value: False) if self.inner else None


AS_WRITTEN = Instead()
