"""A target's process holds its framework alone, whatever else is installed beside it."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from nnparity.adapters.registry import BUILTIN, load
from nnparity.adapters.shared.isolation import OFFERED, PACKAGES
from nnparity.tests.adapters.test_registry import PLUGIN

#: Loads a backend by that function of the registry, and says which packages have come along.
LOOK = """
import sys
from nnparity.adapters import registry
from nnparity.adapters.shared.isolation import OFFERED, PACKAGES
getattr(registry, sys.argv[1])(sys.argv[2])
known = {name for group in (PACKAGES, OFFERED) for names in group.values() for name in names}
print(*sorted(name for name in known if sys.modules.get(name)))
"""
HIDDEN = """
import sys
from importlib.util import find_spec
from types import ModuleType
from nnparity.adapters.shared.isolation import hide_others
sys.modules["mlx"] = ModuleType("mlx")
hide_others("keras,tensorflow")
from scipy import special  # which looks in `sys.modules` for frameworks whose arrays it may have been given
special.log_softmax([1.0, 2.0])
print(sys.modules["mlx"].__name__, find_spec("matplotlib"))
try:
    import matplotlib
except ImportError as error:
    print(type(error).__name__)
"""


def seen(function: str, backend: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOOK, function, backend], capture_output=True, text=True, check=False)
    if "FrameworkMissing" in done.stderr:
        pytest.skip(f"the framework of {backend} is not installed")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("backend", [name for name, (_, extra) in BUILTIN.items() if extra])
def test_a_framework_sees_itself_alone(backend: str) -> None:
    parts = BUILTIN[backend][1].split(",")
    others = {package for part in PACKAGES.keys() - parts for package in PACKAGES[part]}
    offered = {package for part in parts for package in OFFERED.get(part, ())}
    own = {package for part in parts for package in PACKAGES[part]}
    found = seen("load_alone", backend)
    assert found & own
    assert not found & (others - own | offered)


def test_tensorflow_imports_jax_where_it_finds_it() -> None:
    """What is prevented is real: if this fails, `hide_others` has less to do."""
    if find_spec("tensorflow") is None or find_spec("jax") is None:
        pytest.skip("tensorflow or jax is not installed")
    assert "jax" in seen("load", "tensorflow")


def test_what_is_imported_stays_and_the_rest_seems_not_to_be_installed() -> None:
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mlx", "None", "ModuleNotFoundError"]


def test_an_adapter_of_ones_own_may_import_what_it_likes() -> None:
    """Nobody knows what it is made of."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, "load_alone", PLUGIN], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
    assert load(PLUGIN).backend == "minimal"


def test_every_extra_of_a_backend_has_its_packages() -> None:
    parts = {part for _, extra in BUILTIN.values() for part in extra.split(",") if part}
    assert parts == PACKAGES.keys()
    assert OFFERED.keys() <= parts
