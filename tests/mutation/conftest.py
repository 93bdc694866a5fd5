"""The mutation score of the suite, told at the end of a run that planted the variants."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, [])]
    planted = [dict(report.user_properties)["mutant"] for report in reports if "mutant" in dict(report.user_properties)]
    if not planted:
        return
    named, equal, unnamed = (sum(counts[place] for counts in planted) for place in range(3))
    caught, told = (sum(any(counts[:last]) for counts in planted) for last in (3, 1))
    terminalreporter.line(f"mutation score: {caught} of {len(planted)} variants caught, {told} named")
    terminalreporter.line(f"quantities that fail: {named} named, {equal} by an equivalent's name, {unnamed} not named")
