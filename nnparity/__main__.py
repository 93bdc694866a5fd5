"""The command line as a module: ``python -m nnparity`` is the console script ``nnparity``."""

from nnparity.command_line.main import app

if __name__ == "__main__":  # the processes that share a plan import this module too, and must not run it again
    app()
