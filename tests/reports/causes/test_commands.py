"""The command that shows a verdict again: a script where there can be one, else the case once more."""

from typing import Any

import pytest

from nnparity.reports import merge
from nnparity.reports.causes.commands import SEVERAL_CALLS, reproduction
from nnparity.reports.records import ADAPTER, NO_SCRIPTS, SCRIPTS

TARGET = "torch:cpu:eager"


@pytest.mark.parametrize(
    ("dataset", "properties", "told"),
    [
        ("normal", {}, "nnparity reproduce relu/n3/normal/float32 torch:cpu:eager output"),
        ("sweep", {}, "nnparity reproduce relu/n3/sweep/float32 torch:cpu:eager output"),
        ("again", {}, "nnparity run --backend torch:cpu:eager --case relu/n3/again/float32"),
        ("normal", {SCRIPTS: NO_SCRIPTS}, "nnparity run --backend torch:cpu:eager --case relu/n3/normal/float32"),
        (
            "normal",
            {ADAPTER: "my.py:Mine"},
            "nnparity run --backend my.py:Mine:cpu:eager --case relu/n3/normal/float32",
        ),
    ],
)
def test_the_case_is_run_again_where_no_script_can_show_it(
    dataset: str, properties: dict[str, str], told: str, verdict: Any, target: Any, write: Any
) -> None:
    one = verdict("diverges", formula="relu", signature="n3", dataset=dataset, case=f"relu/n3/{dataset}/float32")
    run = merge([write(target(TARGET, properties=properties), one)])
    assert reproduction(run, run.verdicts[0]) == told


def test_salt_packs_and_records_of_the_run_go_along(verdict: Any, environment: Any, write: Any) -> None:
    one = verdict("diverges", dataset=SEVERAL_CALLS[0], case="a/n3/again/float32")
    plan = {"packs": ["mine/"], "known": ["own.toml", "more.toml"]}
    run = merge([write(environment(salt="7", plan=plan), one)])
    named = "--pack mine/ --known own.toml --known more.toml"
    assert reproduction(run, one) == f"nnparity run {named} --backend {TARGET} --salt 7 --case a/n3/again/float32"


def test_a_script_judges_by_no_record(verdict: Any, environment: Any, write: Any) -> None:
    one = verdict("diverges", case="a/n3/normal/float32")
    run = merge([write(environment(plan={"known": ["own.toml"]}), one)])
    assert "--known" not in reproduction(run, one)
