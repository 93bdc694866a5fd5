"""The answer in words, English or Chinese: its sentences, and the table of what it is of."""

from collections.abc import Callable, Iterator

from nnparity.reports.aggregation import Aggregate
from nnparity.reports.causes.answer import NAMED, Answer, judging
from nnparity.reports.causes.classes import UNTOLD
from nnparity.reports.formatting import count
from nnparity.reports.records import Environment
from nnparity.reports.render.tables import Grid
from nnparity.reports.render.words import CHINESE, ENGLISH, sayer

#: Puts words of ours, with values in them, into a language.
Say = Callable[..., str]


def chinese(answer: Answer) -> str:
    """The answer's sentences in Chinese; the English ones are `Answer.told`."""
    if not answer.judged:
        return "没有可判定的结果。" if answer.verdicts else "没有任何判定记录。"
    return "".join((_new(answer), _known(answer), _stale(answer), _idle(answer)))


def _new(answer: Answer) -> str:
    if not answer.new:
        return "没有未记录的差异。" if answer.only_news else "没有新的差异。"
    rest = f"；另有 {count(len(answer.new) - NAMED)} 个" if len(answer.new) > NAMED else ""
    many = "未记录的差异" if answer.only_news else "新的差异"
    return f"{many} {count(len(answer.new))} 个：{'；'.join(answer.new[:NAMED])}{rest}。"


def _known(answer: Answer) -> str:
    if not answer.known:
        return "没有遇到已知原因。"
    if answer.classes[UNTOLD] == answer.known:
        return f"已知原因 {count(answer.known)} 个；运行文件没有说明其类别。"
    wrong = f"其中 {count(answer.wrong)} 个是数值错误" if answer.wrong else "都不是数值错误"
    return f"已知原因 {count(answer.known)} 个，{wrong}。"


def _stale(answer: Answer) -> str:
    return f"{count(len(answer.stale))} 条记录已不再出现。" if answer.stale else ""


def _idle(answer: Answer) -> str:
    return f"{'、'.join(answer.idle)} 没有可判定的结果。" if answer.idle else ""


def answer_tables(aggregate: Aggregate) -> list[tuple[str, str, str]]:
    """The rows of the answer's table: name, what is said in English, the same in Chinese."""
    english, chinese = (answer_table(aggregate, language).rows for language in (ENGLISH, CHINESE))
    return [(name, said, other) for (name, said), (_, other) in zip(english, chinese, strict=True)]


def answer_table(aggregate: Aggregate, language: str = ENGLISH) -> Grid:
    """What the answer is of: how many verdicts, which versions, where, when, what was not run."""
    found, run, say = aggregate.answer, aggregate.run, sayer(language)
    environments = judging(run) or run.environments
    rows = [
        ["verdicts", _verdicts(aggregate, say)],
        ["causes on no record", _supposed(found.new_classes, say)],
        ["known causes", _counted(found.classes, say)],
        ["versions", _versions(aggregate)],
        *(_where(environments[0], len(environments), say) if environments else []),
        ["incomplete", "; ".join(_incomplete(found, len(run.environments), say))],
        ["not run", "; ".join(say(pattern, what=what) for pattern, what in found.not_run)],
        ["unsupported", ", ".join(_unsupported(aggregate, say))],
        ["stale records", ", ".join(found.stale)],
    ]
    return Grid("Answer", ["", ""], [row for row in rows if row[1]])


def _verdicts(aggregate: Aggregate, say: Say) -> str:
    found = aggregate.answer
    formulas = say("1 formula") if found.formulas == 1 else say("{count} formulas", count=count(found.formulas))
    targets = say("1 target") if found.targets == 1 else say("{count} targets", count=count(found.targets))
    of = {"verdicts": count(found.verdicts), "formulas": formulas, "targets": targets}
    grades = _counted(aggregate.counts, say)
    return say("{verdicts} of {formulas}, {targets}: {grades}", **of, grades=grades) if grades else ""


def _counted(counted: dict[str, int], say: Say) -> str:
    return ", ".join(f"{count(number)} {say(kind)}" for kind, number in counted.items())


def _supposed(counted: dict[str, int], say: Say) -> str:
    """New causes by class: no record says of which they are."""
    return say("{classes} (classes are supposed)", classes=_counted(counted, say)) if counted else ""


def _versions(aggregate: Aggregate) -> str:
    """The versions of all targets, those of several alike said once."""
    told = (f"{name} {version}" for line in aggregate.present for name, version in line.versions.items())
    return ", ".join(sorted(dict.fromkeys(told)))


def _where(environment: Environment, files: int, say: Say) -> list[list[str]]:
    device = say("{cpu}, {cores} cores; {platform}", **_named(environment, "cpu", "cores", "platform"))
    digest = say("{nnparity}, Python {python}, spec digest {spec_digest}", **_named(environment, *_OURS))
    more = say(" (and {more} more files)", more=files - 1) if files > 1 else ""
    return [["device", device], ["date", environment.started + more], ["nnparity", digest]]


_OURS = ("nnparity", "python", "spec_digest")


def _named(environment: Environment, *names: str) -> dict[str, object]:
    return {name: getattr(environment, name) for name in names}


def _incomplete(answer: Answer, files: int, say: Say) -> Iterator[str]:
    if answer.cut_short:
        yield say("{cut} of {files} runs were cut short", cut=answer.cut_short, files=files)
    for one in answer.missing:
        yield say("missing of {count} shares: {shares}", count=one.count, shares=one.named)


def _unsupported(aggregate: Aggregate, say: Say) -> Iterator[str]:
    """Of which targets how many formulas were not judged at all."""
    for target, (left, whole) in aggregate.unjudged.items():
        yield say("{target} {left} of {whole} formulas", target=target, left=left, whole=whole)
