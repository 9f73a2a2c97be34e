"""`reconciler --version`."""

from __future__ import annotations

import platform

from reconciler import __version__
from reconciler.bootstrap.versions import cosign_version, libgit2_version
from reconciler.cli import console
from reconciler.model.errors import ReconcilerError


def show_versions() -> None:
    """Prints the versions of the reconciler, Python, libgit2 and cosign, one a line; also says why cosign is unusable."""
    console.print_line(f"reconciler {__version__}")
    console.print_line(f"Python {platform.python_version()}")
    console.print_line(f"libgit2 {libgit2_version()}")
    try:
        console.print_line(f"cosign {cosign_version() or 'not found on PATH'}")
    except ReconcilerError as error:
        console.print_line(f"cosign unusable: {error}")
