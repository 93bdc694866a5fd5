"""An adapter's method as text: complete, without a word of nnparity, and without an import of its framework here."""

import ast
import builtins
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from nnparity.adapters.registry import BUILTIN
from nnparity.reproduce.command import dialect, place
from nnparity.reproduce.writing.literals import NUMBERS, PACKED, written
from nnparity.reproduce.writing.sources import Extraction, Unreproducible
from nnparity.spec import load

READ = [name for name in BUILTIN if name != "numpy"]
#: How many formulas a backend has no kernel of that could be read. Adam has two forms, of which the others have one;
#: Keras has no BERT, Hugging Face nothing else; those of `make more` have no training runs, and what runs
#: forward only has no steps either.
LACKS = {
    **dict.fromkeys(("keras-torch", "keras-tensorflow", "keras-jax"), 2),
    **dict.fromkeys(("mlx", "paddle", "tinygrad"), 5),
    "onnxruntime": 9,
    "huggingface": len(load()) - 1,
}
#: What those are told that have not all families.
FAMILIES = {"onnxruntime": {"output"}, "tinygrad": {"output", "output.with_grad", "grad"}}


def extraction(backend: str) -> Extraction:
    return Extraction(*place(backend), {"device": "cpu", "mode": "eager", "backend": backend}, ("run",))


def unbound(text: str) -> set[str]:
    """The names that a script reads and nothing in it binds."""
    tree = ast.parse(text)
    read = {(node.id, type(node.ctx)) for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imported = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    ]
    bound |= {(alias.asname or alias.name).partition(".")[0] for alias in imported}
    bound |= {name for name, context in read if context is ast.Store}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    return {name for name, _ in read} - bound - set(dir(builtins))


@pytest.mark.parametrize("backend", READ)
def test_every_kernel_of_an_adapter_is_taken_out_whole(backend: str) -> None:
    before = set(sys.modules)
    taken = 0
    for formula in load().values():
        found = extraction(backend)
        try:
            found.method(formula.id, tuple(formula.inputs))
        except Unreproducible:
            continue
        text = "\n".join((*found.imports, *found.blocks))
        assert "nnparity" not in text
        assert unbound(text) == set(), formula.id
        taken += 1
    assert taken == len(load()) - LACKS.get(backend, 1)
    spoken = dialect(*place(backend))
    for path in spoken.taken:
        found.take(path)
    assert (
        unbound("\n".join((spoken.imports, *found.imports, *found.blocks, spoken.tools, "import numpy as np"))) == set()
    )
    assert not {"torch", "jax", "tensorflow", "keras", "mlx", "onnxruntime", "paddle", "tinygrad"} & (
        set(sys.modules) - before
    )
    everything = {"output", "output.with_grad", "grad", "jvp", "hvp"}
    assert set(spoken.programs) >= FAMILIES.get(backend, everything)


def test_a_helper_does_not_take_a_name_of_the_script() -> None:
    found = extraction("keras-torch")
    found.reserved = ("call",)
    found.method("dense", ("x", "w", "b"))
    assert any(block.startswith("def call_2(") for block in found.blocks)
    assert "call_2(" in found.blocks[-1]


@pytest.mark.parametrize(
    "change",
    ["K += 1", "K = K * 2", "T['k'] = 2", "T.update(k=2)", "for k in 'ab':\n    T[k] = 1", "if T:\n    K = 2", ""],
)
def test_what_more_than_one_statement_makes_is_no_part_of_a_script(change: str, tmp_path: Path) -> None:
    file = tmp_path / "on_torch.py"
    text = "import torch\ntorch.manual_seed(0)\nK = 1\nT = {}\n{}\ndef sine(x):\n    return torch.sin(x) * K * len(T)\n"
    file.write_text(text.replace("{}\ndef", f"{change}\ndef"), encoding="utf-8")
    found = extraction("torch")
    found.outside = file
    with pytest.raises(Unreproducible, match=r"[KT] of on_torch.py is not") if change else nullcontext():
        found.method("sine", ("x",))


def test_what_cannot_be_read_is_told() -> None:
    with pytest.raises(Unreproducible, match="defines no nothing that could be read"):
        extraction("torch").method("nothing", ())
    with pytest.raises(Unreproducible, match="numpy is no framework's adapter"):
        place("numpy")


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -3e38, 0.1, 1 / 3]


@pytest.mark.parametrize(
    "array",
    [
        np.array([*SPECIAL, 5e-324, -1.7976931348623157e308]),
        np.array(SPECIAL, np.float32),
        np.array(3.25),
        np.zeros((0, 3)),
        np.full((40, 40), -0.0),
        np.random.default_rng(1).standard_normal((30, 20)),
        np.array([[1, -2], [3, 4]], np.int64),
        np.array([True, False]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_numbers_come_through_to_the_bit(array: np.ndarray) -> None:  # type: ignore[type-arg]
    names: dict[str, object] = {}
    exec(f"import base64, zlib\nimport numpy as np\n{NUMBERS}{PACKED}\nfound = {written(array)}", names)
    found = names["found"]
    assert isinstance(found, np.ndarray)
    expected = array if array.dtype.kind in "iub" else array.astype(np.float64)
    assert (found.shape, found.dtype, found.tobytes()) == (expected.shape, expected.dtype, expected.tobytes())
