"""Scripts of real cells, each run in a process that cannot import nnparity: the status is that of the verdict."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from nnparity.checks import DATASETS
from nnparity.execute.target import Target, TargetName, start
from nnparity.judge.error_patterns import NONE_OUTWARD
from nnparity.reports.causes.commands import SEVERAL_CALLS
from nnparity.reports.records import PASSING
from nnparity.reproduce.cell import MANY, ONE_CALL, REJECTS, Cell, cell, find
from nnparity.reproduce.command import reproduction
from nnparity.reproduce.issue import issue, verdict
from nnparity.reproduce.writing.sources import Unreproducible
from nnparity.spec.usage import UsageError

ALONE = """
import contextlib, io, json, runpy, sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nnparity":
            raise ImportError(name)
sys.meta_path.insert(0, Without())
found = []
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try:
            runpy.run_path(path, run_name="__main__")
            code = None
        except SystemExit as end:
            code = end.code
    found.append((code if isinstance(code, int) else 1, f"{told.getvalue()}{code}"))
print(json.dumps(found))
"""
#: Backend -> cells, some of which are on record as divergences of it.
CELLS = {
    "torch": [
        ("dense/n3i5j4/normal/float32", "grad.w"),
        ("conv2d/n2c3h9w8o4p3q2/normal/bfloat16", "output"),
        ("layer_norm/n3d8/normal/float64", "hvp.x"),
        ("lstm/n2t3k3m4/normal/float32", "jvp.y"),
        ("attention/b2t3s5d8e8/normal/float32", "hvp.q"),
        ("embedding/n2t5v7d4/normal/float32", "grad.table"),
        ("relu/n3d5/nan/float16", "grad.x"),
        ("dense/n3i5j4/rejects: bias of size 1/float32", "output"),
        ("avg_pool2d_literal/n2c3h5w6/normal/float16", "grad.x"),
        ("layer_norm/n3d8/small/float16", "jvp"),
        ("gelu/n3d5/infinity/float32", "output"),
        ("gan_discriminator_loss/n5/normal/float64", "hvp.real"),
        ("attention/b2t3s5d8e8/nan/float32", "output"),
        ("adam/p7-step1/infinity in others/bfloat16", "output.m_next"),
        ("gelu/n3d5/subnormal/bfloat16", "output"),
        ("gelu/n1d262157/sweep/float32", "output"),
        ("gelu/n257d257/all cores/float32", "grad.x"),
        ("train_mlp/s60n16i64m32k10-optimizeradam-lr2.0/digits/float64", "output.losses"),
    ],
    "jax": [
        ("softmax/n3k5/normal/float32", "hvp.x"),
        ("dense/n3i5j4/normal/bfloat16", "grad.w"),
        ("embedding/n2t5v7d4/normal/bfloat16", "grad.table"),
        ("dense/n3i5j4/rejects: bias of size 1/float32", "output"),
        ("softmax/n2k1200/small/float16", "jvp"),
        ("train_mlp/s60n16i64m32k10-optimizersgd-lr0.5/digits/float32", "output.losses"),
    ],
    "tensorflow": [
        ("gelu/n1d32781/sweep/float64", "output"),
        ("layer_norm/n3d8/normal/float32", "grad.x"),
        ("lstm_step/n2k3m4/normal/float32", "output.c_next"),
        ("dense/n3i5j4/normal/bfloat16", "jvp"),
        ("embedding/n2t5v7d4/normal/bfloat16", "grad.table"),
    ],
    "keras-torch": [
        ("conv2d/n2c3h9w8o4p3q2/normal/float32", "grad.x"),
        ("layer_norm/n3d8/normal/float64", "output"),
        ("multi_head_attention/b2t3d8-heads2/normal/float32", "output"),
        ("train_lstm/s8n4t6k10m50-optimizersgd-lr0.03125/stocks/float32", "output.wx2_next"),
    ],
    "onnxruntime": [
        ("dense/n3i5j4/normal/float32", "output"),
        ("embedding/n2t5v7d4/normal/bfloat16", "output"),
        ("lstm/n2t3k3m4/normal/float16", "output.y"),
        ("positional_encoding/t6-d8/normal/float64", "output"),
        ("sigmoid/n3d5/wide/float64", "output"),
        ("sigmoid/n257d257/all cores/float32", "output"),
        ("dense/n3i5j4/rejects: bias of size 1/float32", "output"),
    ],
    "mlx": [
        ("dense/n3i5j4/normal/bfloat16", "grad.w"),
        ("conv2d/n2c3h9w8o4p3q2/normal/float32", "hvp.x"),
        ("tanh/n3d5/normal/float32", "jvp"),
        ("sigmoid/n1d65549/sweep/bfloat16", "output"),
        ("embedding/n2t5v7d4/normal/bfloat16", "grad.table"),
    ],
    "paddle": [
        ("conv2d/n2c3h9w8o4p3q2/normal/float32", "grad.w"),
        ("dense/n3i5j4/normal/float64", "hvp.x"),
        ("dense/n3i5j4/normal/float64", "jvp"),
        ("embedding/n2t5v7d4/normal/bfloat16", "grad.table"),
        ("softmax/n3k5/large/float32", "output"),
    ],
    "tinygrad": [
        ("dense/n3i5j4/normal/float32", "grad.w"),
        ("embedding/n2t5v7d4/normal/float16", "output"),
        ("tanh/n3d5/small/float64", "output"),
        ("mlp_backprop/n3i5m4k2/largest/float64", "output.delta_hidden"),
    ],
    "keras-jax": [
        ("sparse_cross_entropy_logits/n3k5/normal/float32", "output"),
        ("train_mlp/s60n16i64m32k10-optimizersgd-lr0.5/digits/float32", "output.losses"),
        ("mlp_backprop/n3i5m4k2/small/float64", "output.db2"),
    ],
    "huggingface": [
        ("listing_bert/n3t8v6p10s2l2d16f32-heads2/normal/float64", "jvp"),
        ("listing_bert/n3t8v6p10s2l2d16f32-heads2/normal/float32", "output"),
    ],
}
PACKAGE = {"keras-torch": "keras", "keras-jax": "keras", "huggingface": "transformers"}


@pytest.fixture(scope="module", params=CELLS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Each framework once."""
    backend = request.param
    if find_spec(PACKAGE.get(backend, backend)) is None:
        pytest.skip(f"{backend} is not installed")
    started = start(TargetName.of(backend), ("float64", "float32", "float16", "bfloat16"))
    yield started
    started.observer.close()


def statuses(path: Path, *texts: str) -> list[tuple[int, str]]:
    """Of each script its status and what it said, in one process without nnparity."""
    files = [path / f"{number}.py" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-P", "-I", "-c", ALONE, *map(str, files)]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(code, told) for code, told in json.loads(done.stdout.splitlines()[-1])]


def test_the_status_of_a_script_is_that_of_the_verdict(target: Target, tmp_path: Path) -> None:
    backend = target.name.partition(":")[0]
    cells = [Cell(find(case), target, quantity) for case, quantity in CELLS[backend]]
    found = statuses(tmp_path, *(reproduction(one, backend) for one in cells))
    for one, (code, told) in zip(cells, found, strict=True):
        wrong = one.judged.grade not in PASSING
        assert (code, "disagrees" in told) == (int(wrong), wrong), (one.case.id, one.quantity, one.judged, told)
        assert "raises" not in told or one.judged.grade in ("error", *PASSING), (one.case.id, told)
    assert {code for code, _ in found} == {0, 1}


@pytest.fixture(scope="module")
def torch() -> Iterator[Target]:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    started = start(TargetName.of("torch"), ("float32",))
    yield started
    started.observer.close()


FAULTS = [
    ("linear(x, w, b) * (1 + 2**-20)", "of the hard tolerance"),
    ("linear(x, w, b).double()", "returns"),
    ("linear(x, w.T, b)", "raises"),
    ("linear(x, w, b) * float('nan')", "observed np.float64(nan)"),
]


def test_a_fault_put_into_the_kernel_is_seen(torch: Target, tmp_path: Path) -> None:
    text = reproduction(Cell(find("dense/n3i5j4/normal/float32"), torch, "output"), "torch")
    spoilt = [text.replace("functional.linear(x, w, b)", f"functional.{fault}") for fault, _ in FAULTS]
    right, *found = statuses(tmp_path, text, *spoilt)
    assert right[0] == 0
    for (fault, expected), (code, told) in zip(FAULTS, found, strict=True):
        assert (code, expected in told) == (1, True), (fault, told)


@pytest.mark.parametrize(
    ("case", "fault"), [("nan", "torch.tanh(torch.nan_to_num(x))"), ("zeros", "torch.tanh(x) + 0.0")]
)
def test_special_values_and_signs_of_zero_are_compared(torch: Target, tmp_path: Path, case: str, fault: str) -> None:
    text = reproduction(Cell(find(f"tanh/n3d5/{case}/float32"), torch, "output"), "torch")
    found = statuses(tmp_path, text, text.replace("torch.tanh(x)", fault))
    assert [code for code, _ in found] == [0, 1]


def test_results_that_are_cut_off_are_told_from_those_rounded_to_nearest(tmp_path: Path) -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    backend = "nnparity.tests.mutation.faulty_torch:CutOff"
    one = cell("dense/n4096i1j2/one_sided/bfloat16", backend, "output")
    text, told = reproduction(one, backend), issue(one, "")
    one.target.observer.close()
    rounded = text.replace("(y.view(torch.int32) & -(1 << 16)).view(torch.float32)", "y")
    (cut, said), (right, _) = statuses(tmp_path, text, rounded)
    assert (one.judged.grade, cut, right) == ("imprecise", 1, 0)
    assert "30 of 30 results went towards zero" in said
    assert NONE_OUTWARD in told
    assert "IEEE 754 rounds to nearest" in told


def test_a_compiled_kernel_is_compiled_in_its_script(tmp_path: Path) -> None:
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    one = cell("dense/n3i5j4/normal/float32", "torch:cpu:compiled", "grad.w")
    text = reproduction(one, "torch")
    one.target.observer.close()
    assert "\nrun = torch.compile(run, fullgraph=True, dynamic=False)\n" in text
    assert statuses(tmp_path, text)[0][0] == (one.judged.grade not in PASSING)


def test_jax_gets_all_families_of_one_program_as_in_a_run() -> None:
    if find_spec("jax") is None:
        pytest.skip("jax is not installed")
    one = cell("tanh/n3d5/normal/float32", "jax", "hvp.x")
    text = reproduction(one, "jax")
    one.target.observer.close()
    assert "jax.jit(program)(primals, rest, cotangents, tangents)[3]" in text


def test_an_issue_says_what_is_on_record_and_holds_the_script(torch: Target) -> None:
    one = Cell(find("attention/b2t3s5d8e8/nan/float32"), torch, "output")
    text = reproduction(one, "torch")
    assert verdict(one).known == "torch-attention-swallows-nan"
    told = issue(one, text)
    assert text in told
    assert all(word in told for word in ("**Versions.** torch ", "**Observed.** At [", "**Expected.**", "nan"))


def test_where_nothing_is_wrong_there_is_no_issue(torch: Target) -> None:
    with pytest.raises(Unreproducible, match="graded conforms here: nothing to report"):
        issue(Cell(find("relu/n3d5/normal/float32"), torch, "output"), "")


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("dense/n3i5j4/after a refused call/float32", "belongs to the check 'rejects', which asks more than one call"),
        ("relu/n3d5/again/float32", "belongs to the check 'determinism', which asks more than one call"),
        ("relu/n3d5/forward over reverse/float32", "'derivatives', which asks for derivatives by ways that no script"),
        ("relu/n3d5/transposed/float32", "belongs to the check 'layouts', which asks more than one call"),
        ("relu/n3d5/several threads/float32", "belongs to the check 'threads', which asks more than one call"),
        ("dense/n3i5j4/rejects: nothing/float32", "no entry to reject of dense is called 'nothing'"),
    ],
)
def test_what_no_script_shows_is_told(id: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        find(id)


def test_the_report_asks_the_suite_for_what_no_script_shows() -> None:
    several = [
        name
        for check, names in DATASETS.items()
        if check not in ONE_CALL
        for name in names
        if name not in (*MANY, f"{REJECTS}*")
    ]
    assert set(several) == set(SEVERAL_CALLS)


def test_a_quantity_that_is_not_there_is_told(torch: Target) -> None:
    with pytest.raises(UsageError, match=r"no quantity of relu/n3d5/normal/float32 is called 'grad\.y'"):
        _ = Cell(find("relu/n3d5/normal/float32"), torch, "grad.y").truth


def test_a_formula_that_the_target_lacks_is_told(torch: Target) -> None:
    assert torch.refuses(find("adam_eps_hat/p7-step1/normal/float32").formula)
    with pytest.raises(Unreproducible, match="there is nothing to reproduce"):
        cell("adam_eps_hat/p7-step1/normal/float32", "torch", "output.w_next")


def test_the_salt_makes_other_numbers(torch: Target) -> None:
    plain, other = (Cell(find("relu/n3d5/normal/float32", salt), torch, "output") for salt in ("", "7"))
    texts = [reproduction(one, "torch") for one in (plain, replace(plain, case=other.case))]
    assert texts[0] != texts[1]
    assert "with salt 7" in texts[1]
