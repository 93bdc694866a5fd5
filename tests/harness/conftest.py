"""The mutation score of the suite, told at the end of a run that planted the variants."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, [])]
    planted = [dict(report.user_properties)["mutant"] for report in reports if "mutant" in dict(report.user_properties)]
    if not planted:
        return
    named, equal, unnamed = (sum(counts[place] for counts in planted) for place in range(3))
    caught = sum(any(counts) for counts in planted)
    terminalreporter.line(
        f"mutation score: {caught} of {len(planted)} variants caught, {sum(counts[0] > 0 for counts in planted)} named; "
        f"of {named + equal + unnamed} failing quantities {named} are named, {equal} by an equivalent's name, {unnamed} not"
    )
