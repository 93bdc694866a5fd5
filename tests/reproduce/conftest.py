"""Targets that outlive whoever closes them: tested here is what is made of their answers, not how they start."""

from collections.abc import Iterator

import pytest

from nnparity.execute import target
from nnparity.execute.observer import Observer


class Kept(Observer):
    """One that is closed only when the module's tests are over."""

    def close(self) -> None:
        """Not yet, once it is there."""
        if not hasattr(self, "info"):
            super().close()

    def really_close(self) -> None:
        super().close()


@pytest.fixture(scope="module")
def targets_kept() -> Iterator[None]:
    """Who starts a target that is there already gets that one, as long as its process lives."""
    there: dict[tuple[object, ...], Kept] = {}

    def started(*asked: object) -> Kept:
        *place, _, _ = asked  # neither the time limit nor the folder for programs, which a session here has of its own
        found = there.get(tuple(place))
        if found is None or found._process.poll() is not None:
            found = there[tuple(place)] = Kept(*asked)  # type: ignore[arg-type]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, "Observer", started)
        yield
    for one in there.values():
        one.really_close()
