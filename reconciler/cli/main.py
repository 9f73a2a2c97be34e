"""The `reconciler` command: runs the command line, and turns an error into a line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from typing import Final

# Objects that are made before the youngest are searched for garbage. What modules make at start-up is no garbage, and with
# Python's own 700 searching it takes a tenth of the start.
MAX_YOUNG: Final = 20_000

PROGRAM: Final = "reconciler"
COMPLETION: Final = "_RECONCILER_COMPLETE"  # set by the script that --show-completion prints, when it requests completions


def main() -> None:
    """Runs the command line; a ReconcilerError becomes one line and exit code 3."""
    gc.set_threshold(MAX_YOUNG)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # to look for plugins reads the metadata of every package
    from reconciler.cli import console
    from reconciler.cli.app import app
    from reconciler.model.errors import ReconcilerError

    if COMPLETION in os.environ:
        from typer.completion import get_completion_inspect_parameters

        get_completion_inspect_parameters()  # which registers the shells
        os.environ["COLUMNS"] = (
            "1000"  # typer breaks descriptions at the terminal's width, and a shell takes each line for a word
        )
    try:
        app(prog_name=PROGRAM)
    except ReconcilerError as error:
        console.print_error(str(error))
        sys.exit(console.OUTSIDE)
    finally:
        gc.freeze()  # at its end Python would search all objects for garbage, which takes as long as to validate a folder
