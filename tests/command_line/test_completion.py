"""What a shell offers when the tabulator is pressed: commands, options, and names of ours for their values."""

import os

import pytest

from nnparity.tests import commands


def completed(*words: str) -> list[str]:
    """What bash is offered for the last word, as its completion function asks for it."""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_NNPARITY_COMPLETE": "complete_bash"}
    return run(**asked).split()


def run(*words: str, **more: str) -> str:
    """The output of the console script."""
    return commands.nnparity(*words, env={**os.environ, **more}, script=True).stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("nnparity", "re"), ["reproduce", "report"]),
        (("nnparity", "run", "--formula", "conv2d"), ["conv2d"]),
        (("nnparity", "run", "--backend", "keras-t"), ["keras-torch", "keras-tensorflow"]),
        (("nnparity", "run", "--dtype", "float"), ["float64", "float32", "float16"]),
        (("nnparity", "run", "--quantity", "h"), ["hvp"]),
        (("nnparity", "run", "--fail"), ["--fail-on"]),
        (("nnparity", "run", "--level", "no such"), []),
    ],
)
def test_names_are_offered(words: tuple[str, ...], offered: list[str]) -> None:
    assert sorted(completed(*words)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_shown(shell: str) -> None:
    told = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_NNPARITY_COMPLETE" in told
