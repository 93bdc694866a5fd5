"""The loader reads the spec, and refuses a malformed one in one line that names file and field."""

from pathlib import Path

import pytest

from nnparity.spec import SpecError, digest, load
from nnparity.spec.loader import signatures

GOOD = """
[dense]
section = "3.1"
title   = { en = "Dense layer", zh = "全连接层" }
latex   = 'y = w x'
inputs  = { x = "n i", labels = "n" }
output  = "n i"
wrt     = ["x"]
domains = { labels = "label i" }
attributes = { eps = 1e-5, heads = 1 }
datasets = ["normal", "small"]
signatures = [
  { n = 2, i = 3 },
  { n = 1, i = 1, eps = 0.5, level = "full", datasets = ["wide"] },
]
[dense.pool]
sizes    = { n = "batch", heads = "heads", k = "width" }
values   = { eps = [0.5, 0.25] }
where    = ["n >= 1", "i = heads*k"]
work     = "n*i"
datasets = ["large"]
[dense.variants]
halved = { set = { factor = 0.5 }, says = "halved" }
"""


def spec(folder: Path, text: str, name: str = "mlp.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_formula_is_read(tmp_path: Path) -> None:
    formula = load(spec(tmp_path, GOOD))["dense"]
    assert (formula.id, formula.chapter, formula.results) == ("dense", "mlp", {"output": "n i"})
    assert (formula.domain("x"), formula.domain("labels"), formula.integer("labels")) == ("real", "label", True)
    one, two = signatures(formula)
    assert (one.id, one.level, one.datasets, one.attributes) == (
        "n2i3",
        "quick",
        ("normal", "small"),
        {"eps": 1e-5, "heads": 1},
    )
    assert (two.id, two.level, two.datasets, two.attributes["eps"]) == ("n1i1-eps0.5", "full", ("wide",), 0.5)


MALFORMED = {
    "not TOML": ("wrt     =", "wrt     = =", "not TOML"),
    "a constant of no input": ("latex   =", "begins = { z = 0 }\nlatex   =", r"dense\.begins: 'z' is no input"),
    "unknown key": ("latex   =", 'latecks = "?"\nlatex   =', "latecks"),
    "missing key": ('section = "3.1"\n', "", "section"),
    "wrong type": ('section = "3.1"', "section = 3.1", r"dense\.section"),
    "wrong type inside": ('zh = "全连接层"', "zh = 3", r"dense\.title\.zh"),
    "missing translation": (', zh = "全连接层"', "", r"zh.*dense\.title"),
    "unreadable shape": ('x = "n i"', 'x = "n i/2"', r"dense\.inputs: .*'i/2'"),
    "missing symbol": ("{ n = 2, i = 3 }", "{ n = 2 }", r"dense\.signatures\[0\]: .*'i'"),
    "size not whole": ("{ n = 2, i = 3 }", "{ n = 2, i = 3.0 }", r"dense\.signatures\[0\]\.i: .*3\.0"),
    "size is a boolean": ("{ n = 2, i = 3 }", "{ n = 2, i = true }", r"dense\.signatures\[0\]\.i"),
    "unknown symbol": ("{ n = 2, i = 3 }", "{ n = 2, i = 3, j = 4 }", r"dense\.signatures\[0\]\.j"),
    "unknown level": ('level = "full"', 'level = "fool"', r"dense\.signatures\[1\]\.level: .*quick, core, full"),
    "no dataset": ('["normal", "small"]', "[]", r"dense\.datasets: none"),
    "no dataset of a signature": ('["wide"]', "[]", r"dense\.signatures\[1\]\.datasets: none"),
    "no dtype": ('wrt     = ["x"]', 'wrt = ["x"]\ndtypes = []', r"dense\.dtypes: none"),
    "unknown dataset": (
        '["normal", "small"]',
        '["normal", "smal"]',
        r"dense\.datasets: .*'smal' \(did you mean small\?\)",
    ),
    "unknown dataset of a signature": ('["wide"]', '["wade"]', r"dense\.signatures\[1\]\.datasets: .*'wade'"),
    "dataset instead of a list": (
        'datasets = ["wide"]',
        'datasets = "wide"',
        r"dense\.signatures\[1\]\.datasets: expected a list",
    ),
    "unknown dtype of a signature": (
        'datasets = ["wide"]',
        'dtypes = ["float17"]',
        r"dense\.signatures\[1\]\.dtypes: .*'float17'; there are float64",
    ),
    "dtype instead of a list": (
        'datasets = ["wide"]',
        'dtypes = "float16"',
        r"dense\.signatures\[1\]\.dtypes: expected a list",
    ),
    "first signature of one dtype": (
        "{ n = 2, i = 3 }",
        '{ n = 2, i = 3, dtypes = ["float16"] }',
        r"dense\.signatures\[0\]\.dtypes: the first",
    ),
    "output and outputs": ('output  = "n i"', 'output = "n i"\noutputs = { y = "n" }', r"dense\.output: .*either"),
    "neither": ('output  = "n i"\n', "", r"dense\.output: .*either"),
    "output of no input": ('output  = "n i"', 'output = "n k"', r"dense\.output: .*'k'"),
    "wrt of no input": ('wrt     = ["x"]', 'wrt = ["x", "w"]', r"dense\.wrt: 'w'"),
    "wrt of whole numbers": ('wrt     = ["x"]', 'wrt = ["labels"]', r"dense\.wrt: 'labels'"),
    "vanishing of no quantity": (
        'wrt     = ["x"]',
        'wrt = ["x"]\nvanishing = ["grad.w"]',
        r"dense\.vanishing: .*'grad\.w'",
    ),
    "permit of no quantity": (
        "[dense.variants]",
        '[dense.permits]\nnan = [{ quantity = "grad.w", says = "?" }]\n[dense.variants]',
        r"dense\.permits\.nan: .*'grad\.w'",
    ),
    "label without bound": ('"label i"', '"label"', r"dense\.domains\.labels: .*bound"),
    "label with unknown bound": ('"label i"', '"label z"', r"dense\.domains\.labels: .*bound"),
    "unknown domain": ('"label i"', '"lable i"', r"dense\.domains\.labels: .*real, positive"),
    "empty domain": ('"label i"', '""', r"dense\.domains\.labels"),
    "domain of no input": ("domains = { labels", "domains = { label", r"dense\.domains\.label: "),
    "no signature": (
        '\n  { n = 2, i = 3 },\n  { n = 1, i = 1, eps = 0.5, level = "full", datasets = ["wide"] },\n',
        "",
        r"dense\.signatures: .*at least one",
    ),
    "pool of an unknown kind": ('n = "batch"', 'n = "bach"', r"dense\.pool\.sizes\.n: .*'bach'.* batch, rows"),
    "pool without a dimension": ('n = "batch", ', "", r"dense\.pool\.sizes: .*'n' of the shapes has no kind"),
    "pool with a size for nothing": ('n = "batch"', 'n = "batch", z = "batch"', r"dense\.pool\.sizes\.z: neither"),
    "pool that binds what is not there": ('"n >= 1"', '"n >= z"', r"dense\.pool\.where: .*'z' has no size"),
    "pool without a sign": ('"n >= 1"', '"n 1"', r"dense\.pool: 'n 1' is no relation"),
    "pool with half a relation": ('"n >= 1"', '"n >="', r"dense\.pool: a side of 'n >=' is missing"),
    "pool with an unreadable relation": ('"n >= 1"', '"n >= i/2"', r"dense\.pool: .*'i/2'"),
    "work of what is not there": ('"n*i"', '"n*z"', r"dense\.pool\.work: .*'z' has no size"),
    "unreadable work": ('"n*i"', '"n**i"', r"dense\.pool: .*'n\*\*i'"),
    "pool of no attribute": ("eps = [0.5", "epsilon = [0.5", r"dense\.pool\.values\.epsilon: .* mean eps\?"),
    "pool of values of another kind": ("[0.5, 0.25]", '[0.5, "wide"]', r"dense\.pool\.values\.eps: expected numbers"),
    "pool of no values": ("[0.5, 0.25]", "[]", r"dense\.pool\.values\.eps: expected numbers"),
    "pool of an unknown dataset": ('["large"]', '["lorge"]', r"dense\.pool\.datasets: .*'lorge'"),
    "pool with an unknown key": ('work     = "n*i"', 'wurk = "n*i"', r"wurk.*dense\.pool.*\(did you mean work\?\)"),
    "variant without words": (', says = "halved"', "", r"says.*dense\.variants"),
    "variant with unknown key": (', says = "halved"', ', says = "halved", sets = 1', r"sets.*\(did you mean set\?\)"),
}


@pytest.mark.parametrize(("old", "new", "told"), MALFORMED.values(), ids=list(MALFORMED))
def test_what_is_malformed_is_named_in_one_line(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(SpecError, match=told) as caught:
        load(spec(tmp_path, GOOD.replace(old, new)))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'mlp.toml'}: ")
    assert "\n" not in message
    assert len(message) < 80 * 24  # one screen


def test_an_id_given_twice_names_both_files(tmp_path: Path) -> None:
    spec(tmp_path, GOOD)
    with pytest.raises(SpecError, match=r"other\.toml: dense: mlp has a formula of that id already"):
        load(spec(tmp_path, GOOD, "other.toml"))
    with pytest.raises(SpecError, match="not TOML"):
        load(spec(tmp_path, GOOD + GOOD, "another.toml"))


def test_bytes_that_are_no_text_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no formula here"):
        load(tmp_path)
    (tmp_path / "mlp.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match=r"mlp\.toml: not TOML"):
        load(tmp_path)


def test_formulas_come_in_the_order_of_the_primer(tmp_path: Path) -> None:
    spec(tmp_path, GOOD.replace("[dense", "[late").replace('"3.1"', '"3.10"'), "a.toml")
    spec(tmp_path, GOOD.replace("[dense", "[early").replace('"3.1"', '"3.9.1"'), "b.toml")
    assert list(load(spec(tmp_path, GOOD))) == ["dense", "early", "late"]


def test_only_the_first_signature_is_quick_unless_it_says_otherwise(tmp_path: Path) -> None:
    levels = [
        signature.level for signature in signatures(load(spec(tmp_path, GOOD.replace('level = "full", ', "")))["dense"])
    ]
    assert levels == ["quick", "core"]


def test_the_digest_follows_every_byte(tmp_path: Path) -> None:
    before = digest(spec(tmp_path, GOOD))
    assert digest(spec(tmp_path, GOOD)) == before
    assert digest(spec(tmp_path, GOOD + " ")) != before


def test_the_spec_loads_and_its_ids_are_told_apart() -> None:
    formulas = load()
    assert {"dense", "conv2d", "lstm", "attention"} <= set(formulas)
    for id, formula in formulas.items():
        assert formula.id == id
        ids = [signature.id for signature in signatures(formula)]
        assert len(set(ids)) == len(ids), f"{id}: two signatures are called the same"
        assert all(ids)
        says = [variant.says for variant in formula.variants.values()]
        assert len(set(says)) == len(says), f"{id}: two variants say the same"


def test_no_formula_has_fewer_than_three_variants() -> None:
    """Known wrong readings are what a diagnosis is made of, and what the suite is tried on."""
    formulas = load().values()
    assert [formula.id for formula in formulas if len(formula.variants) < 3] == []
    assert sum(len(formula.variants) for formula in formulas) >= 160


def test_a_kernel_is_as_large_as_the_image_and_attention_has_samples_past_a_block_of_32() -> None:
    """One number a channel is left: who squeezes axes of 1, or picks the wrong code for it, shows there alone."""
    kernels = [one.dims for one in signatures(load()["conv2d"])]
    assert any(one["h"] == one["p"] > 1 and one["w"] == one["q"] > 1 and one["o"] > 1 for one in kernels)
    assert any(one.dims["b"] > 32 for one in signatures(load()["multi_head_attention"]))
