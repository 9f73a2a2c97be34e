"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CLUSTER_TIMEOUT = 40.0  # seconds a cluster may take; longer than its own time-outs

ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.", show_default=False)]

EnvironmentsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[ENV...]", help="Only these Environments; all by default.", show_default=False)
]
