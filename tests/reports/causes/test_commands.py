"""The command that shows a verdict again: a script where there can be one, else the case once more."""

from typing import Any

import pytest

from nnparity.reports import merge
from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.commands import ALONE, CHANCE, FOLLOWS, MOVED, SEVERAL_CALLS, UNSTEADY, reproduction
from nnparity.reports.records import ADAPTER, BY_ITSELF, NO_SCRIPTS, ONCE_MORE, RIGHT_AGAIN, SCRIPTS, ScriptLine
from nnparity.reports.render.html import page
from nnparity.reports.render.markdown import markdown
from nnparity.reports.render.summary import summary

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


def test_what_was_right_once_more_is_asked_with_the_cases_before(verdict: Any, target: Any, write: Any) -> None:
    """In one process, as it was wrong; and all pages say why a single call may be right."""
    more = {"message": f"{ONCE_MORE}other bits, and conforms", "diagnosis": RIGHT_AGAIN}
    one = verdict("diverges", formula="relu", signature="n3", **more)
    aggregate = Aggregate(merge([write(target(TARGET), one)]))
    told = f"nnparity run --backend {TARGET} --formula relu --signature n3 --dtype float32"
    assert reproduction(aggregate.run, one) == told
    assert aggregate.caution(one) == MOVED
    assert all(MOVED in shown for shown in (page(aggregate, {}), markdown(aggregate), summary(aggregate)))


def test_what_had_other_bits_once_more_says_so_of_how_many(verdict: Any, write: Any) -> None:
    """In the card, whichever of its verdicts is the worst."""
    asked = [
        verdict("diverges", case=f"a/n{n}/normal/float32", message=f"{ONCE_MORE}other bits, and diverges")
        for n in (3, 4)
    ]
    aggregate = Aggregate(merge([write(verdict("diverges", case="a/n5/normal/float32", hard=1e9), *asked)]))
    (cause,) = aggregate.causes
    assert cause.once_more == "other bits, and diverges (2)"
    assert aggregate.caution(cause.worst) == ""
    assert aggregate.caution(asked[0]) == MOVED
    assert all("other bits, and diverges (2)" in shown for shown in (page(aggregate, {}), markdown(aggregate)))


def test_what_follows_from_the_cases_before_is_asked_with_them(verdict: Any, target: Any, write: Any) -> None:
    one = verdict(
        "diverges", formula="relu", signature="n3", diagnosis="likely: x is still that of the case before, wide"
    )
    aggregate = Aggregate(merge([write(target(TARGET), one)]))
    told = f"nnparity run --backend {TARGET} --formula relu --signature n3 --dtype float32"
    assert reproduction(aggregate.run, one) == told
    assert aggregate.caution(one) == FOLLOWS


@pytest.mark.parametrize(
    ("check", "formula", "hard", "told"),
    [
        ("diverges", "relu", 3.0, UNSTEADY),
        ("diverges", "relu", "inf", UNSTEADY),
        ("diverges", "relu", None, ""),  # one has another dtype or shape, which is no other result
        ("error", "relu", None, ""),
        ("nondeterministic", "relu", 0.5, ""),  # rounding explains it, and no verdict that diverges
        ("conforms", "relu", 0.5, ""),
        ("diverges", "tanh", 3.0, ""),
    ],
)
@pytest.mark.parametrize("dataset", ["again", "read after another call", "in another process"])
def test_where_results_change_from_call_to_call_the_report_says_that_one_may_not_show_it(
    check: str, formula: str, hard: Any, told: str, dataset: str, verdict: Any, write: Any
) -> None:
    wrong = verdict("diverges", formula="relu", signature="n3", hard="inf")
    aggregate = Aggregate(merge([write(wrong, verdict(check, formula=formula, dataset=dataset, hard=hard))]))
    assert aggregate.caution(wrong) == told
    shown = [one.partition(UNSTEADY)[1] for one in (summary(aggregate), markdown(aggregate))]
    assert [*shown, f"<i>{UNSTEADY}</i>" in page(aggregate, {})] == [told, told, bool(told)]


def test_that_bits_change_may_not_show_once_more(verdict: Any, write: Any) -> None:
    one = verdict("nondeterministic", dataset="again")
    assert Aggregate(merge([write(one)])).caution(one) == CHANCE


@pytest.mark.parametrize(("why", "told"), [(f"{BY_ITSELF} conforms", ALONE), ("it has too many numbers", "")])
def test_what_was_right_once_more_by_itself_is_not_shown_by_one_command(
    why: str, told: str, verdict: Any, write: Any
) -> None:
    one = verdict("diverges")
    run = merge([write(one, ScriptLine(one.case, one.target, one.quantity, why=why))])
    assert Aggregate(run).caution(one) == told
