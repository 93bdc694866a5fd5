"""Known divergences: narrow, matched by scope and version, malformed ones refused, stale ones told."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from nnparity.adapters.registry import FOLDER
from nnparity.execute.target import TargetName
from nnparity.expect.budgets import expect
from nnparity.judge import known_divergences
from nnparity.judge.applicability import instructions
from nnparity.judge.known_divergences import Known, KnownError, Ledger
from nnparity.judge.recorded_expectations import Evidence
from nnparity.judge.sensitivity import graded
from nnparity.reports.records import ALSO_MET, Verdict
from nnparity.run.plan import Plan
from nnparity.spec import load
from nnparity.spec.cases import naming
from nnparity.tests.judge.verdicts import verdict

GOOD = """
[dense-float32]
formula  = "dense"
target   = "torch:*"
dtype    = ["float32"]
quantity = "grad.*"
dataset  = "normal"
versions = { torch = ">=2.1,<2.15" }
class    = "reduced precision"
expects  = { hard = 12.0 }
reason   = "It adds twice."
upstream = "not reported"
"""
VERSIONS = {"torch": "2.13.0+cpu"}


def record(folder: Path, text: str = GOOD) -> list[Known]:
    (folder / "torch").mkdir(exist_ok=True)
    (folder / "torch/known.toml").write_text(text, encoding="utf-8")
    return known_divergences.load(folder)


def off(grade: str = "diverges", **fields: Any) -> Verdict:
    """A verdict that the record of GOOD explains, but for these fields."""
    return verdict(grade, **{"quantity": "grad.w", "hard": 11.0, "sharp": 40.0} | fields)


def test_a_file_is_read_once_and_again_when_it_says_something_else(tmp_path: Path) -> None:
    (first,) = record(tmp_path)
    assert record(tmp_path)[0] is first
    (other,) = record(tmp_path, GOOD.replace("hard = 12.0", "hard = 13.0"))
    assert (first.expects.hard, other.expects.hard) == (12, 13)
    with pytest.raises(KnownError, match="not TOML"):
        record(tmp_path, "[dense")


def plan(**options: Any) -> Plan:
    return Plan((TargetName("torch"),), **options)


def stale(ledger: Ledger) -> list[str]:
    """The records whose scope was run since this was last asked, and in which nothing diverged."""
    ran, held = ledger.take()
    return sorted(ran - held)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(record(tmp_path))


def test_a_divergence_on_record_keeps_its_grade_and_carries_the_id(ledger: Ledger) -> None:
    for grade in ("diverges", "imprecise"):
        found = ledger.match(off(grade), VERSIONS)
        assert (found.grade, found.known) == (grade, "dense-float32")
    assert stale(ledger) == []


@pytest.mark.parametrize(
    ("expects", "says"),
    [
        ("{ hard = 12.0 }", ""),
        ('{ variant = "bias_doubled", inner = "float16" }', "the bias is added twice; computed in float16"),
        ('{ model = "narrow" }', "accumulates in float32"),
    ],
)
def test_what_a_record_expects_is_said_as_a_diagnosis_says_it(tmp_path: Path, expects: str, says: str) -> None:
    """Where it expects nothing of its own the judge finds out what was seen."""
    formula = load()["dense"]
    name, variant = next(iter(formula.variants.items()))
    text = GOOD.replace("{ hard = 12.0 }", expects.replace("bias_doubled", name))
    ledger = Ledger(record(tmp_path, text))
    known = msgspec.structs.replace(off(), known="dense-float32")
    assert ledger.explanation(known, formula) == says.replace("the bias is added twice", variant.says)
    assert ledger.explanation(off(), formula) == ""


@pytest.mark.parametrize(
    ("scope", "there"),
    [
        ('dataset = "normal"', True),
        ('dataset = "rejects: *"', False),
        ('case = "dense/*/nan/*"', False),
        ('case = ["dense/*/nan/*", "dense/*/small/*"]', True),
    ],
)
def test_a_hunt_likens_nothing_to_what_no_ordinary_numbers_show(tmp_path: Path, scope: str, there: bool) -> None:
    (found,) = record(tmp_path, GOOD.replace('dataset  = "normal"', scope))
    assert found.takes_numbers_of(naming.ordinary(load()["dense"])) == there


def test_what_only_other_numbers_show_is_explained_everywhere_and_stale_only_there(tmp_path: Path) -> None:
    records = record(tmp_path, GOOD.replace("[dense-float32]", '[dense-float32]\nsalt = "7"'))
    for salt, told in (("", []), ("8", []), ("7", ["dense-float32"])):
        ledger = Ledger(records, lambda one, salt=salt: one.whole(plan(salt=salt)))
        ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
        assert stale(ledger) == told
        assert ledger.match(off(), VERSIONS).known == "dense-float32"
        assert stale(ledger) == []


def test_what_a_plain_run_shows_goes_before_what_other_numbers_do(tmp_path: Path) -> None:
    wide = GOOD.replace("[dense-float32]", '[dense-other-numbers]\nsalt = "7"').replace('"grad.*"', '"*"')
    ledger = Ledger(record(tmp_path, GOOD + wide))
    assert ledger.match(off(), VERSIONS).known == "dense-float32"
    assert ledger.match(off(quantity="output"), VERSIONS).known == "dense-other-numbers"
    assert ledger.match(off(hard=13.0), VERSIONS).known is None


@pytest.mark.parametrize(
    "fields",
    [
        {"formula": "densely"},
        {"target": "pytorch:cpu:eager"},
        {"dtype": "float64"},
        {"quantity": "output"},
        {"quantity": "hvp.w"},
        {"dataset": "normally"},
    ],
)
def test_it_covers_its_scope_and_nothing_else(ledger: Ledger, fields: dict[str, str]) -> None:
    assert ledger.match(off(**fields), VERSIONS).known is None


@pytest.mark.parametrize(
    ("versions", "covered"),
    [
        ({"torch": "2.1"}, True),
        ({"torch": "2.14.9"}, True),
        ({"torch": "2.14.0+cu130"}, True),
        ({"torch": "2.15.0"}, False),
        ({"torch": "2.0.1"}, False),
        ({"torch": "2.13.0", "numpy": "1.0"}, True),
        ({"numpy": "2.13"}, False),
        ({}, False),
    ],
)
def test_it_covers_its_versions_only(ledger: Ledger, versions: dict[str, str], covered: bool) -> None:
    assert (ledger.match(off(), versions).known is not None) == covered


def test_a_nightly_build_is_covered_too(ledger: Ledger) -> None:
    assert ledger.match(off(), {"torch": "2.14.0.dev20260101"}).known == "dense-float32"


def test_all_packages_named_must_agree(tmp_path: Path) -> None:
    two = Ledger(record(tmp_path, GOOD.replace('torch = ">=2.1,<2.15"', 'torch = ">=2.1,<2.15", numpy = "<2"')))
    assert two.match(off(), {"torch": "2.3", "numpy": "1.9"}).known
    assert not two.match(off(), {"torch": "2.3", "numpy": "2.9"}).known


@pytest.mark.parametrize(
    "grade", ["error", "crashed", "timed out", "nondeterministic", "unsupported", "inconclusive", "conforms"]
)
def test_only_wrong_numbers_are_excused(ledger: Ledger, grade: str) -> None:
    assert ledger.match(off(grade), VERSIONS).known is None


def test_a_record_whose_scope_was_run_without_a_divergence_is_stale(ledger: Ledger) -> None:
    assert stale(ledger) == []
    ledger.match(verdict("conforms", quantity="output"), VERSIONS)
    ledger.match(verdict("conforms", quantity="grad.w"), {"torch": "3.0"})
    ledger.match(verdict("unsupported", quantity="grad.w"), VERSIONS)
    assert stale(ledger) == []
    ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
    assert stale(ledger) == ["dense-float32"]
    ledger.match(off(quantity="grad.x"), VERSIONS)
    assert stale(ledger) == []


def test_a_record_of_the_pool_goes_first_and_is_stale_only_where_the_pool_was_run(tmp_path: Path) -> None:
    more = ("", 'salt = "7"\n', 'salt = "8"\ncase = "dense/n1k1m1/*"\n', 'pool = "all"\n')
    plain, other, named, pooled = (record(tmp_path, GOOD + one)[0] for one in more)
    assert known_divergences.settled([plain, pooled, other]) == [pooled]
    assert [known_divergences.settled([other, one]) for one in (plain, named)] == [[plain], [named]]
    assert [pooled.whole(plan(pool=pool)) for pool in ("none", "3", "all")] == [False, False, True]
    assert plain.whole(plan(pool="all"))
    with pytest.raises(KnownError, match="pool"):
        record(tmp_path, GOOD + 'pool = "some"\n')


@pytest.mark.parametrize(
    ("present", "held"),
    [(("avx2", "avx512f"), True), (("avx2",), False), (("avx2", "avx512f", "amx_tile"), False), ((), False)],
)
def test_a_record_speaks_of_the_processors_that_it_names(tmp_path: Path, present: tuple[str, ...], held: bool) -> None:
    """Another kernel may run where the instructions are others: there the record explains nothing, and is not stale."""
    one = record(tmp_path, GOOD + 'processor = ["avx512f", "!amx_tile"]\n')
    assert one[0].whole(plan())
    ledger = Ledger(one, present=present)
    told = ledger.match(off(), VERSIONS)
    assert told.known == ("dense-float32" if held else None)
    assert held or "on record as dense-float32, of processors with avx512f, without amx_tile" in str(told.message)
    ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
    ledger.take()
    ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
    assert stale(ledger) == (["dense-float32"] if held else [])
    assert Ledger(one, present=present).digest != Ledger(one, present=["sve"]).digest


def test_records_are_asked_of_this_processor(tmp_path: Path) -> None:
    ours = instructions()[0]
    for name, held in ((ours, True), (f"!{ours}", False)):
        text = GOOD + f'processor = ["{name}"]\n'
        assert Ledger(record(tmp_path, text)).match(off(), VERSIONS).known == ("dense-float32" if held else None)


def test_a_record_that_depends_on_more_is_never_stale(tmp_path: Path) -> None:
    one = record(tmp_path, GOOD + 'varies = "what the memory holds"\n')
    assert not one[0].whole(plan())
    assert Ledger(one).match(off(), VERSIONS).known == "dense-float32"


def test_a_record_of_what_varies_from_call_to_call_is_never_stale(tmp_path: Path) -> None:
    """Two calls may give the same bits by chance: the gradient of a compiled embedding does in one run of a few."""
    one = record(tmp_path, GOOD.replace("reduced precision", "nondeterminism"))
    assert not one[0].whole(plan())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, True),
        ({"formulas": ("dense", "tanh"), "dtypes": ("float32", "float64")}, True),
        ({"formulas": ("dense",)}, False),
        ({"dtypes": ("float64",)}, False),
        ({"quantities": ("output", "grad")}, False),
        ({"level": "quick"}, False),
        ({"salt": "7"}, False),
    ],
)
def test_a_run_of_a_part_makes_no_record_stale(tmp_path: Path, options: dict[str, Any], told: bool) -> None:
    """One formula of several, or other numbers: that it conforms there says nothing of the rest."""
    two = record(tmp_path, GOOD.replace('"dense"', '["dense", "tanh"]'))
    ledger = Ledger(two, lambda one: one.whole(plan(**options)))
    ledger.match(verdict("conforms", quantity="grad.w"), VERSIONS)
    assert stale(ledger) == (["dense-float32"] if told else [])
    assert ledger.match(off(), VERSIONS).known == "dense-float32"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[dense-float32]", "[dense-float32", r"torch/known\.toml: not TOML"),
        ('formula  = "dense"\n', "", r"torch/known\.toml: dense-float32: .*formula"),
        ('dtype    = ["float32"]', 'dtype = "float32"', r"torch/known\.toml: dense-float32: .*dense-float32\.dtype"),
        ("class  ", "klass", r"torch/known\.toml: dense-float32: .*klass` \(did you mean class\?\)"),
        ('">=2.1,<2.15"', '"from 2.1 on"', r"torch/known\.toml: dense-float32: .*from 2\.1 on"),
        ('{ torch = ">=2.1,<2.15" }', "{ torch = 2 }", r"torch/known\.toml: dense-float32: .*versions"),
        ("reason", 'processor = ["avx215f"]\nreason', r"dense-float32: processor: .*no processor .* called avx215f"),
        (",<2.15", "", r"torch/known\.toml: dense-float32: versions: torch >=2\.1 has no upper end"),
        ("reduced precision", "small fault", r"torch/known\.toml: dense-float32: .*small fault"),
        (
            '"dense"',
            '"dens"',
            r"torch/known\.toml: dense-float32: formula: the primer has none called dens \(did you .*dense",
        ),
        ('"dense"', '["dense", "x*"]', r"torch/known\.toml: dense-float32: formula: the primer has none called x\*"),
        ('["float32"]', '["float23"]', r"torch/known\.toml: dense-float32: dtype: none is called float23 .*float32"),
        ('"grad.*"', '"grad.y"', r"torch/known\.toml: dense-float32: quantity: grad\.y is none of grad\.b, grad\.w"),
        ("reduced precision", "small fault", r"small fault.*; there are: wrong result, no answer"),
        ("{ hard = 12.0 }", "{ hard = -1 }", r"torch/known\.toml: dense-float32: expects: hard .* more than 0, not -1"),
        ("{ hard = 12.0 }", "{ sharp = nan }", r"torch/known\.toml: dense-float32: expects: sharp .* not nan"),
        ("[dense-float32]", "version = 3\n[dense-float32]", r"torch/known\.toml: version: a record is a table"),
        ("{ hard = 12.0 }", "{}", r"torch/known\.toml: dense-float32: expects: an expectation, margins"),
        (
            "{ hard = 12.0 }",
            '{ variant = "odd" }',
            r"torch/known\.toml: dense-float32: expects: dense has no variant odd",
        ),
        ("{ hard = 12.0 }", '{ inner = "float8" }', r"torch/known\.toml: dense-float32: expects: inner is one of"),
        ("{ hard = 12.0 }", '{ answer = "none" }', r"torch/known\.toml: dense-float32: expects: no answer: none"),
        ("{ hard = 12.0 }", '{ answer = "accepts" }', r"torch/known\.toml: dense-float32: expects: .*not rejected"),
        ("{ hard = 12.0 }", '{ raises = "no" }', r"torch/known\.toml: dense-float32: expects: raises .*no answer"),
    ],
    ids=[
        *("TOML", "missing", "type", "unknown", "specifier", "version"),
        *(
            "processor",
            "unbounded",
            "class",
            "formula",
            "one of several formulas",
            "dtype",
            "quantity",
            "classes",
            "negative",
            "NaN",
        ),
        *("no table", "nothing", "variant", "inner", "answer", "accepts", "raises"),
    ],
)
def test_a_malformed_record_is_refused_by_file_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(KnownError, match=told) as caught:
        record(tmp_path, GOOD.replace(old, new))
    assert "\n" not in str(caught.value)


def test_the_records_that_ship_can_be_read_and_are_told_apart() -> None:
    records = known_divergences.load(FOLDER)
    assert len({one.id for one in records}) == len(records)
    for one in records:
        assert one.reason.endswith(".")
        assert one.upstream in ("not reported", "documented behaviour") or one.upstream.startswith("https://")
        assert one.versions, f"{one.id}: in which versions?"


# --- what is new


def test_a_larger_margin_than_on_record_is_new_and_says_so(ledger: Ledger) -> None:
    found = ledger.match(off(hard=12.5), VERSIONS)
    assert (found.known, found.message) == (None, "in the scope of dense-float32, but not what it expects")


def test_a_wrong_shape_in_a_records_scope_is_new(ledger: Ledger) -> None:
    told = "returned shape (2, 2), expected (2, 3)"
    assert ledger.match(off(hard=None, sharp=None, message=told), VERSIONS).known is None


@pytest.mark.parametrize("grade", ["nondeterministic", "diverges"])
@pytest.mark.parametrize("dataset", ["again", "in another process"])
def test_a_second_answer_is_new_but_for_a_record_of_nondeterminism(tmp_path: Path, grade: str, dataset: str) -> None:
    text = GOOD.replace('"normal"', '"*"')
    assert Ledger(record(tmp_path, text)).match(off(grade, dataset=dataset), VERSIONS).known is None
    text = text.replace("reduced precision", "nondeterminism")
    assert Ledger(record(tmp_path, text)).match(off(grade, dataset=dataset), VERSIONS).known == "dense-float32"


def test_a_version_past_the_range_is_asked_for_again() -> None:
    ledger = Ledger(known_divergences.load(FOLDER))
    found = ledger.match(
        verdict(
            case="attention/b2t3s5d8e8/normal/float64",
            formula="attention",
            signature="b2t3s5d8e8",
            dtype="float64",
            target="jax:cpu:eager",
            hard=1e7,
            sharp=1e7,
        ),
        {"jax": "99.0"},
    )
    assert found.known is None
    assert found.message == "on record as jax-attention-float64, seen up to 0.10; confirm for 99.0"


def test_a_range_may_be_open_with_a_reason(tmp_path: Path) -> None:
    text = GOOD.replace(",<2.15", "").replace("[dense-float32]", '[dense-float32]\nunbounded = "It is the standard."')
    assert Ledger(record(tmp_path, text)).match(off(), {"torch": "99.0"}).known == "dense-float32"


def test_two_records_that_cover_a_verdict_are_an_error_that_names_both(tmp_path: Path) -> None:
    two = Ledger(record(tmp_path, GOOD + GOOD.replace("[dense-float32]", "[dense-again]").replace("grad.*", "*.w")))
    assert two.match(off(quantity="grad.x"), VERSIONS).known == "dense-float32"
    with pytest.raises(KnownError, match=r"dense.* grad\.w .*dense-float32 and dense-again"):
        two.match(off(), VERSIONS)


def test_an_output_that_came_with_the_gradients_is_in_the_scope_of_the_output(tmp_path: Path) -> None:
    ledger = Ledger(record(tmp_path, GOOD.replace("grad.*", "output")))
    assert ledger.match(off(quantity="output.with_grad"), VERSIONS).known == "dense-float32"


def test_a_verdict_on_record_says_which_wrong_answers_its_record_would_take(tmp_path: Path) -> None:
    case = naming.find("dense/n3i5j4/normal/float32")
    truth = expect(case, frozenset({"grad"}))["grad.w"]
    seen = (truth.value * 1.001).astype(np.float32)
    judged = graded(seen, truth, case, "grad.w")
    line = off(hard=judged.hard, sharp=judged.sharp, signature="n3i5j4", note="forward mode")
    ledger = Ledger(record(tmp_path, GOOD.replace("12.0", "1e9")))
    found = ledger.match(line, VERSIONS, Evidence(case, False, seen, truth))
    assert found.known == "dense-float32"
    assert (found.note or "").startswith(f"forward mode; {ALSO_MET}zeros")
    narrow = Ledger(record(tmp_path, GOOD.replace("12.0", f"{float(judged.hard or 0) * 2}")))
    assert narrow.match(line, VERSIONS, Evidence(case, False, seen, truth)).note == "forward mode"
