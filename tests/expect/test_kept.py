"""Expectations are kept: what is read is what was computed, bit for bit, and only for the same question."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnparity.expect import budgets
from nnparity.expect.budgets import expect
from nnparity.expect.expected import Expected
from nnparity.expect.kept import _key
from nnparity.judge import effective_sample_size
from nnparity.judge.narrower.formats import ROUNDINGS
from nnparity.reference import FORMULAS
from nnparity.reference.readings import Arithmetic
from nnparity.spec import DTYPES, Case, cases_of, load
from nnparity.spec.cases import samples
from nnparity.spec.cases.special_values import special_case
from nnparity.spec.given import Given
from nnparity.spec.precision import FUSED, NARROW
from nnparity.store import memory, sources
from nnparity.store.memory import COMPUTED, KEPT

ALL = frozenset({"output", "grad", "jvp", "hvp"})
BARE = budgets.expect.__wrapped__  # type: ignore[attr-defined]


def case(id: str, dtype: str = "float32") -> Case:
    return next(cases_of(load()[id], dtype))[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[memory.Memory]:
    memory.use(tmp_path)
    used = memory.used()
    assert used is not None
    yield used
    memory.leave()


def counted(store: memory.Memory, kind: str = "expectations") -> Counter[str]:
    return store.take().results.get(kind, Counter())


def identical(one: dict[str, Expected], other: dict[str, Expected]) -> bool:
    """Names in their order, and of each every field: type, dtype, shape, every bit, in the order of the index."""
    if list(one) != list(other):
        return False
    fields = [field.name for field in dataclasses.fields(Expected)]
    return all(_same(getattr(one[name], field), getattr(other[name], field)) for name in one for field in fields)


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        in_order = a.flags.c_contiguous and b.flags.c_contiguous
        return in_order and bool((a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()))
    return bool(repr(a) == repr(b))


def test_a_difference_of_a_bit_is_seen() -> None:
    one = {"output": Expected(np.array([0.0, np.nan]), np.ones(2), np.ones(2))}
    for other in (
        Expected(np.array([-0.0, np.nan]), np.ones(2), np.ones(2)),
        Expected(np.array([0.0, np.nan]), np.ones(2), np.ones(2), np.zeros(2)),
        Expected(np.array([0.0, np.nan]), np.ones(2), np.ones(2), steps=2),
        Expected(np.array([[0.0, np.nan]]), np.ones(2), np.ones(2)),
    ):
        assert not identical(one, {"output": other})
    assert identical(one, one)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", ["layer_norm", "mse", "relu"])
def test_what_is_read_is_what_was_computed(store: memory.Memory, id: str, dtype: str) -> None:
    one = case(id, dtype)
    cold, warm = expect(one, ALL), expect(case(id, dtype), ALL)
    assert counted(store) == {COMPUTED: 1, KEPT: 1}
    memory.leave()
    assert identical(cold, warm)
    assert identical(cold, expect(one, ALL)), "without a store it is the same"


def test_a_training_run_too(store: memory.Memory) -> None:
    one = case("train_gan")
    cold, warm = expect(one, ALL), expect(one, ALL)
    assert counted(store) == {COMPUTED: 1, KEPT: 1}
    assert identical(cold, warm)
    assert cold["output.losses"].steps is not None


@pytest.mark.parametrize("dataset", ["nan", "infinity", "zeros", "empty", "size one", "subnormal"])
def test_special_values_too(store: memory.Memory, dataset: str) -> None:
    one = special_case(load()["dense"], dataset, "float16")
    assert identical(expect(one, ALL), expect(one, ALL))
    assert counted(store) == {COMPUTED: 1, KEPT: 1}


def test_nobody_can_write_to_an_expectation() -> None:
    for found in expect(case("mse"), ALL).values():
        with pytest.raises(ValueError, match="read-only"):
            found.value[...] = 0


def asked(one: Case, quantities: frozenset[str] = ALL, **reading: Any) -> bytes | None:
    return _key(("spec",), BARE, (one, quantities), reading)


def test_each_question_has_its_own_key() -> None:
    one, tf32 = case("softmax"), ROUNDINGS["10-bit mantissas: TF32"]
    other = dataclasses.replace(one, dataset="small")
    narrow = Arithmetic(2.0**-8, 1e-30, 1e30, lambda value: False)
    wide = dataclasses.replace(narrow, statistical=True)
    holding = Arithmetic(2.0**-8, 1e-30, 1e30, lambda value: True)
    numbers = {name: np.array(x) for name, x in one.inputs.items()}
    given = Given(one.formula, one.signature, one.dataset, one.dtype, "", numbers, one.cotangents)
    moved = dataclasses.replace(given, numbers={name: x + 1 for name, x in numbers.items()})
    keys = [
        asked(one),
        asked(one, frozenset({"output"})),
        asked(other),
        asked(case("softmax", "float64")),
        asked(dataclasses.replace(one, salt="7")),
        asked(dataclasses.replace(one, signature=changed(one.signature))),
        asked(one, flush=True),
        asked(one, model=NARROW),
        asked(one, model=FUSED),
        asked(one, variant={"shift": False}),
        asked(one, variant={"shift": True}),
        asked(one, rounding=tf32),
        asked(one, rounding=ROUNDINGS["float16"]),
        asked(one, rounding=ROUNDINGS["bfloat16"]),
        asked(given),
        asked(moved),
        asked(dataclasses.replace(given, against={name: x + 1 for name, x in one.cotangents.items()})),
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert asked(one, flush=False, variant=None) == asked(one), "what is said and what goes unsaid"
    assert [asked(one, numbers=odd) for odd in (narrow, wide, holding)] == [None] * 3, "a test's function has no name"


def changed(signature: Any) -> Any:
    """One of the same id."""
    return type(signature)(signature.id, signature.dims, {"another": 1}, signature.level, signature.datasets)


def test_a_number_of_numpys_is_told_like_an_array(store: memory.Memory) -> None:
    """numpy.float64 is a float in Python's eyes, and nothing that can be written down as one."""
    one = case("mse", "float64")

    def weighed(by: Any) -> Given:
        return Given(one.formula, one.signature, one.dataset, one.dtype, "", one.inputs, {"output": by})

    keys = [asked(weighed(by)) for by in (np.float64(3), np.float64(4), np.float32(3), np.array(3.0))]
    assert None not in keys
    assert len(set(keys)) == 3, "a number is an array without an axis"
    assert expect(weighed(np.float64(3)), ALL)
    assert counted(store)


def test_other_code_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = asked(case("softmax"))
    monkeypatch.setattr("nnparity.store.questions.digest", lambda *rooms: b"changed")
    assert asked(case("softmax")) != before


def test_other_data_of_a_package_are_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before, again = (asked(case("listing_lstm")) for _ in range(2))
    read, axes = samples.SAMPLES["stocks"]
    other = read()._replace(feature=read().feature / 2)
    monkeypatch.setitem(samples.SAMPLES, "stocks", (lambda: other, axes))
    assert before == again != asked(case("listing_lstm"))


def test_another_formula_of_the_same_name_is_another_key() -> None:
    one = case("softmax")
    formula = type(one.formula)(**{f: getattr(one.formula, f) for f in one.formula.__struct_fields__} | {"latex": "x"})
    assert asked(dataclasses.replace(one, formula=formula)) != asked(one)


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_a_formula_from_elsewhere_is_not_kept(store: memory.Memory, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    real = getattr(FORMULAS["softmax"], part)

    def planted(*arguments: Any, **keywords: Any) -> Any:
        return real(*arguments, **keywords)

    monkeypatch.setattr(FORMULAS["softmax"], part, planted)
    for _ in range(2):
        assert expect(case("softmax"), ALL)
    assert not counted(store)


@pytest.mark.parametrize(
    "reading",
    [{"rounding": ROUNDINGS["bfloat16"]}, {"variant": {"kind": "hard"}}, {"model": NARROW}],
    ids=["rounding", "variant", "model"],
)
def test_what_a_diagnosis_asks_is_kept_too(store: memory.Memory, reading: dict[str, Any]) -> None:
    one = case("tanh", "float16")
    assert identical(expect(one, ALL, **reading), expect(one, ALL, **reading))
    assert counted(store) == {COMPUTED: 1, KEPT: 1}


@pytest.mark.parametrize("derive", ["independent", "contradiction"])
def test_what_is_derived_from_it_is_kept_too(store: memory.Memory, derive: str) -> None:
    one = case("layer_norm", "float16")
    truth = expect(one, ALL)["grad.x"]
    ask: Callable[[], Any] = {
        "independent": lambda: effective_sample_size.independent(one, "grad.x", truth),
        "contradiction": lambda: effective_sample_size.contradiction(one, "grad.x", truth).tolist(),
    }[derive]
    cold, warm = ask(), ask()
    assert (type(cold), cold) == (type(warm), warm)
    found = counted(store, "sensitivities")
    assert found[KEPT] == 1
    store.take()
    truth = dataclasses.replace(truth, sharp=2 * truth.sharp)
    ask()
    assert counted(store, "sensitivities")[COMPUTED] > 0, "of other budgets it is another"


def test_the_digest_takes_no_time_to_speak_of() -> None:
    begin = time.process_time()
    sources.digest.__wrapped__("spec", "reference", "expect", "judge")
    assert time.process_time() - begin < 0.3  # 5 ms on an idle machine
