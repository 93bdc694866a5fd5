"""``--pack`` and ``nnparity prove``: a pack's formulas are judged like the primer's, one more touches two files."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.judge import known_divergences
from nnparity.reference import FORMULAS
from nnparity.reports import merge
from nnparity.reports.records import Environment, FormulaLine, Verdict, read_run
from nnparity.spec import digest, load, packs
from nnparity.tests import commands
from nnparity.tests.adapters import survey
from nnparity.tests.command_line.test_pytest_plugin import ALONE
from nnparity.tests.invocation import Run, invoked

ROOT = Path(__file__).resolve().parents[2]
MODERN = ROOT / "packs" / "modern"
HOW_TO = ROOT / "docs" / "how-to" / "write-a-pack.md"
BACKENDS = ("torch", "tensorflow", "jax", "keras-torch", "keras-tensorflow", "keras-jax")
#: The line that declares a kernel of the pack.
RMS_NORM = (
    '@kernel("torch.nn.functional.rms_norm", '
    'convention="eps is that of the dtype by default: the formula\'s is given")\n'
)
#: Where each backend's kernels live.
HOMES = {"torch": ["torch"], "tensorflow": ["tf"], "jax": ["jax", "jnp"], "keras": ["keras"]}


@pytest.fixture
def nnparity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own, beside a copy of the pack; nothing of it may stay behind."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MODERN, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    before = dict(FORMULAS)

    def run(*arguments: str) -> int | str | None:
        status = invoked(*arguments)
        assert before == FORMULAS
        assert packs.taken() == ()
        return status

    return run


def spoil(file: str, right: str, wrong: str) -> None:
    text = Path(file).read_text(encoding="utf-8")
    assert right in text
    Path(file).write_text(text.replace(right, wrong), encoding="utf-8")


def lines(folder: str = "reports/out") -> list[object]:
    return list(read_run(Path(folder) / "parity.jsonl"))


def verdicts(folder: str = "reports/out") -> list[Verdict]:
    return [line for line in lines(folder) if isinstance(line, Verdict)]


# --- prove


def test_a_pack_is_proven_formula_by_formula(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("prove", "mine") == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 14
    assert all(re.fullmatch(r"\w+: proven, \d+ cases", line) for line in told)


def test_what_is_not_proven_ends_with_1_and_is_named(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    spoil("mine/attention.py", "_turn(g, -sign", "_turn(g, sign")
    spoil("mine/losses.py", "y.size if mean else 1", "missing")
    assert nnparity("prove", "mine") == 1
    told = capsys.readouterr().out
    assert re.search(r"^rope: not proven\n  rope/n2t5d8/normal/float64: <g, J v> is ", told, re.M)
    assert re.search(r"^huber: not proven\n  huber/\S+: NameError: name 'missing' is not defined", told, re.M)
    assert told.count("not proven") == 2


@pytest.mark.parametrize(
    ("file", "right", "wrong", "says"),
    [
        ("losses.toml", "[huber", "[dense", "dense: there is a formula of that id already"),
        ("attention.py", '@formula("rope")', '@formula("ropes")', "mine: 'rope' is in the TOML, and not registered"),
        ("activations.toml", "kernels = { tensor", "attributes = { a = 1 }\nkernels = { tensor", "softplus.kernels: a"),
        ("known.toml", "[modern-torch-adamw-lerp]", "[modern", "known.toml: not TOML"),
    ],
)
def test_what_is_wrong_with_a_pack_ends_with_2(
    nnparity: Run, capsys: pytest.CaptureFixture[str], file: str, right: str, wrong: str, says: str
) -> None:
    spoil(f"mine/{file}", right, wrong)
    assert nnparity("run", "--pack", "mine", "--backend", "numpy", "--level", "quick") == 2
    assert says in capsys.readouterr().err


def test_a_reference_that_fails_is_the_packs_fault_and_not_ours(
    nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil("mine/activations.py", "return x * gate if gated else gate", "return missing")
    asked = ("--formula", "silu", "--level", "quick", "--dtype", "float32", "--no-store")
    assert nnparity("run", "--pack", "mine", "--backend", "numpy", *asked) == 2
    told = capsys.readouterr().err
    assert re.search(r"silu cannot be read: activations.py:\d+: return missing\n\s*NameError", told)
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("def rms_norm(", "def rmsnorm(", "rmsnorm is declared, and the pack has no formula .*mean rms_norm"),
        ("def rms_norm(x:", "def rms_norm(z:", "rms_norm takes z, .* and the formula gives x,"),
        (RMS_NORM, "", "rms_norm is the function of a formula, without @kernel"),
    ],
)
def test_kernels_that_fit_no_formula_are_told(
    nnparity: Run, capsys: pytest.CaptureFixture[str], right: str, wrong: str, says: str
) -> None:
    spoil("mine/on_torch.py", right, wrong)
    assert nnparity("run", "--pack", "mine", "--backend", "torch", "--level", "quick", "--dtype", "float32") == 2
    assert re.search(f"on_torch.py: {says}", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("torch.sine", "AttributeError: {} torch.sine, which is not there (did you mean torch.sin?)"),
        ("torch.nosuch.thing", "AttributeError: {} torch.nosuch.thing: module 'torch' has no attribute 'nosuch'"),
        ("torch.pi", "TypeError: {} torch.pi: torch.pi is a float, not a callable"),
    ],
)
def test_a_kernel_that_is_not_there_is_told_with_its_place_in_the_toml(nnparity: Run, path: str, says: str) -> None:
    pytest.importorskip("torch")
    spoil("mine/activations.toml", 'torch = "torch.nn.functional.silu"', f'torch = "{path}"')
    small = ("--formula", "silu", "--dtype", "float32", "--level", "quick", "--no-scripts", "--jobs", "1")
    assert nnparity("run", "--pack", "mine", "--backend", "torch", *small) == 1
    told = says.format("mine/activations.toml: silu.kernels.torch is")
    assert {one.message.splitlines()[0] for one in verdicts()} == {told}


def test_a_pack_that_is_not_there_ends_with_2(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nnparity("prove", "mime") == 2
    assert "mime: no formula here" in capsys.readouterr().err


# --- run


def test_its_formulas_are_judged_and_reported_like_the_primers(nnparity: Run) -> None:
    assert nnparity("run", "--pack", "mine", "--backend", "numpy", "--dtype", "float32", "--jobs", "2") == 0
    found = verdicts()
    assert {one.formula for one in found} == set(packs_formulas())
    assert {"normal", "nan", "empty", "subnormal", "again", "sweep", "all cores"} <= {one.dataset for one in found}
    environment = next(line for line in lines() if isinstance(line, Environment))
    assert environment.plan["packs"] == ["mine"]
    assert environment.spec_digest != digest()
    assert {line.pack for line in lines() if isinstance(line, FormulaLine)} == {"mine"}
    text = Path("reports/out/parity.md").read_text(encoding="utf-8")
    assert "Section 4.1 of the pack mine." in text
    assert "of the primer." not in text
    assert "entry by entry" not in text, "of the primer nothing was run"


def packs_formulas() -> list[str]:
    found = packs.take(MODERN)
    packs.drop(found)
    return list(found.formulas)


def test_the_primers_formulas_may_be_named_beside_it(nnparity: Run) -> None:
    small = ("--level", "quick", "--dtype", "float32", "--formula", "relu", "--formula", "silu")
    assert nnparity("run", "--pack", "mine", "--backend", "numpy", *small) == 0
    assert {one.formula for one in verdicts()} == {"relu", "silu"}
    assert nnparity("run", "--pack", "mine", "--pack", "mine", "--backend", "numpy", *small) == 0, (
        "named twice, it is one"
    )
    assert nnparity("run", "--backend", "numpy", "--formula", "silu") == 2


def test_a_target_finds_packs_in_a_folder_of_any_name(nnparity: Run) -> None:
    Path("torch:cpu").mkdir()
    Path("mine").rename("torch:cpu/mine")
    small = ("--level", "quick", "--dtype", "float32", "--formula", "silu")
    assert nnparity("run", "--pack", "torch:cpu/mine", "--backend", "numpy", *small) == 0


def test_a_kernel_that_is_wrong_is_told_with_the_command_that_shows_it(
    nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    spoil("mine/on_torch.py", "label_smoothing=smoothing", "label_smoothing=0.0")
    small = ("--level", "quick", "--dtype", "float32", "--formula", "smoothed_cross_entropy")
    assert nnparity("run", "--pack", "mine", "--backend", "torch", *small) == 1
    told = " ".join(capsys.readouterr().err.split())
    case = "smoothed_cross_entropy/n3k5/normal/float32"
    assert "the labels are not smoothed" in told
    assert f"nnparity reproduce --pack mine {case} torch:cpu:eager" in told
    assert nnparity("reproduce", "--pack", "mine", case, "torch", "grad.z") == 0
    script = capsys.readouterr().out
    assert "label_smoothing=0.0" in script
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("disagrees\n")


def test_a_module_of_kernels_that_cannot_be_imported_is_named(
    nnparity: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    spoil("mine/on_torch.py", "from torch.nn import functional as F", "from torch.mm import functional as F")
    assert nnparity("run", "--pack", "mine", "--backend", "torch", "--level", "quick") == 2
    assert "on_torch.py: ModuleNotFoundError: No module named 'torch.mm'" in capsys.readouterr().err


def test_expectations_are_kept_until_the_pack_is_edited(nnparity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNPARITY_STORE", str(Path("store").absolute()))
    run = ("run", "--pack", "mine", "--backend", "numpy", "--dtype", "float32", "--formula", "rope", "--level", "quick")

    def told() -> str:
        done = commands.nnparity(*run)
        assert done.returncode == 0, done.stderr
        return "; ".join(line for line in done.stderr.splitlines() if line.startswith(("expectations", "verdicts")))

    assert "expectations: " in (first := told())
    assert "from the store" not in first
    assert "computed" not in told()
    Path("mine/attention.py").write_text(Path("mine/attention.py").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "from the store" not in told()


def test_what_a_reference_imports_is_the_pack_too(nnparity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of one's own: nothing that was kept or begun before it was edited is taken up."""
    monkeypatch.setenv("NNPARITY_STORE", str(Path("store").absolute()))
    spoil("mine/activations.py", "import numpy as np\n", "import numpy as np\nfrom library import gate_of\n")
    spoil("mine/activations.py", "return x * gate if", "return gate_of(x * gate) if")
    Path("library.py").write_text("def gate_of(x):\n    return x\n", encoding="utf-8")
    small = ("--backend", "numpy", "--dtype", "float32", "--formula", "silu", "--level", "quick")
    first = commands.nnparity("run", "--pack", "mine", *small)
    assert first.returncode == 0, first.stderr
    Path("library.py").write_text("def gate_of(x):\n    return 2 * x\n", encoding="utf-8")
    resumed = commands.nnparity("run", "--pack", "mine", *small, "--resume")
    assert resumed.returncode == 2
    assert "cannot be gone on with" in resumed.stderr
    again = commands.nnparity("run", "--pack", "mine", *small)
    assert again.returncode == 0, again.stderr
    assert "from the store" not in again.stderr


def test_a_process_expects_nothing_of_an_edited_pack_that_it_expected_before(nnparity: Run) -> None:
    """Another test here may have edited the same formula: what is kept of a case must not be of that one."""
    small = ("--pack", "mine", "--backend", "numpy", "--formula", "silu", "--dtype", "float32", "--level", "quick")
    for gate in ("gate", "2 * gate"):
        spoil("mine/activations.py", "return x * gate if", f"return x * {gate} if")
        assert nnparity("run", *small, "--no-store") == 0
        spoil("mine/activations.py", f"return x * {gate} if", "return x * gate if")


@pytest.mark.parametrize(("file", "counts"), [("scale.csv", True), ("__pycache__/rope.cpython-311.pyc", False)])
def test_data_in_its_folder_is_the_pack_too_and_what_python_makes_of_it_is_not(
    nnparity: Run, file: str, counts: bool
) -> None:
    before = packs._digest(Path("mine"), {})
    Path("mine", file).parent.mkdir(exist_ok=True)
    Path("mine", file).write_text("1.5", encoding="utf-8")
    assert (packs._digest(Path("mine"), {}) != before) == counts


# --- records


def test_records_of_the_adapters_are_not_those_of_a_pack() -> None:
    """Patterns such as *attention fit the ids of both."""
    found = packs.take(MODERN)
    try:
        known = known_divergences.load(ROOT / "adapters")
        ids = [one.id for one in known]
        assert len(set(ids)) == len(ids)
        own = [one for one in known if one.pack]
        assert own
        for one in known:
            meant = {id for id in load() if one.means(id)}
            assert meant, one.id
            assert meant <= (set(found.formulas) if one.pack else set(load()) - set(found.formulas))
    finally:
        packs.drop(found)


# --- a formula more


def blocks_of_the_page(kind: str) -> list[str]:
    """Its blocks of code in that language, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.timeout(600)
def test_the_two_files_of_the_page_are_a_pack(nnparity: Run, capsys: pytest.CaptureFixture[str]) -> None:
    there = [name for name in ("torch", "tensorflow", "jax") if find_spec(name)]
    there += [f"keras-{name}" for name in there if find_spec("keras")]
    Path("own").mkdir()
    for kind, file in (("toml", "activations.toml"), ("python", "activations.py")):
        Path("own", file).write_text(blocks_of_the_page(kind)[0], encoding="utf-8")
    small = ("--formula", "sine", "--dtype", "float32", "--dtype", "bfloat16", "--level", "quick")
    assert nnparity("prove", "own") == 0
    assert re.fullmatch(r"sine: proven, \d+ cases\n", capsys.readouterr().out)
    backends = [word for name in ("numpy", *there) for word in ("--backend", name)]
    assert nnparity("run", "--pack", "own", *backends, *small, "--jobs", "1") == 0
    run = merge([Path("reports/out/parity.jsonl")])
    assert {one.target.partition(":")[0] for one in run.verdicts} == {"numpy", *there}
    assert {one.grade for one in run.verdicts} == {"conforms"}


def test_the_kernels_of_the_page_are_a_module(nnparity: Run) -> None:
    pytest.importorskip("torch")
    Path("mine/on_torch.py").write_text(blocks_of_the_page("python")[1], encoding="utf-8")
    two = ("--formula", "rms_norm", "--formula", "swiglu", "--dtype", "float32", "--level", "quick")
    assert nnparity("run", "--pack", "mine", "--backend", "torch", *two, "--jobs", "1", "--no-scripts") == 0
    assert {(one.formula, one.grade) for one in verdicts()} == {("rms_norm", "conforms"), ("swiglu", "conforms")}


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kernel_is_a_callable_of_its_framework(request: pytest.FixtureRequest, backend: str) -> None:
    for package in backend.split("-"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    homes = {home for one in survey.told(request, backend, "a pack").values() for home in one}
    assert homes <= {*HOMES[backend.partition("-")[0]], *"+-*/@"}


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_records_explain_what_its_kernels_make_of_special_values(request: pytest.FixtureRequest, backend: str) -> None:
    """And of one array for several inputs, in float32: what `make modern` says of them, without its minutes."""
    pytest.importorskip(backend)
    told = survey.told(request, backend, "a pack's special values")
    assert told["asked"] == sorted(survey.FEW.get(backend, packs_formulas()))
    assert {"infinity in others", "nan", "aliased"} <= set(told["datasets"])
    assert told["records"]
    assert told["new"] == []


# --- pytest


def test_its_formulas_are_items_of_pytest(tmp_path: Path) -> None:
    suite = str(ROOT / "tests" / "conformance")
    small = ("--formula", "silu", "--dtype", "float32", "--backend", "numpy", "-v")
    command = [sys.executable, "-m", "pytest", *ALONE, suite, "--pack", str(MODERN), *small]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "test_conforms[silu/n3d5/float32] PASSED" in done.stdout


# --- installed packs


def test_an_installed_pack_is_found_by_its_name_and_not_imported(tmp_path: Path) -> None:
    package = shutil.copytree(MODERN, tmp_path / "tidal_formulas", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    info = tmp_path / "tides-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tides\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nnparity.packs]\ntides = tidal_formulas\n")
    small = ("--backend", "numpy", "--formula", "silu", "--dtype", "float32", "--level", "quick", "--out", "out")
    for command in (("list", "--pack", "tides"), ("run", "--pack", "tides", *small)):
        told = subprocess.run(
            [sys.executable, "-m", "nnparity", *command],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr[-3000:]
        if command[0] == "list":
            assert "packs:    tides" in told.stdout
            assert re.search(r"^  silu +tidal_formulas 1.1 ", told.stdout, re.M)
    assert {one.formula for one in verdicts(str(tmp_path / "out"))} == {"silu"}
