"""The `reconciler` command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from reconciler.cli import console
from reconciler.model.errors import ReconcilerError

# The module of each command, in the order of the help; `import` is a group of its own.
_MODULES: Final = {
    "validate": "validate",
    "plan": "plan",
    "once": "once",
    "run": "run",
    "init": "init",
    "status": "status",
    "explain": "explain",
    "audit": "audit",
    "why": "graph",
    "tree": "graph",
    "outdated": "update",
    "update": "update",
    "promote": "promote",
    "publish": "publish",
    "schemas": "schemas",
    "import": "import_",
}


class _OnDemand(TyperGroup):
    """Imports a command's module when it is asked for: `validate` runs in editors and hooks, and needs no Kubernetes client."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """The names of all commands."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        """A command by name; None when there is none."""
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"reconciler.cli.{_MODULES[cmd_name]}")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            return get_group(group)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(getattr(module, cmd_name))
        return get_command(alone)


app = typer.Typer(
    name="reconciler",
    cls=_OnDemand,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Turns what people push into what runs, and tells the truth about it.\n\n"
        "An Environment is a git repository: people write `environment.yaml` and `applications/*.yaml` on `main`; the reconciler "
        "pins and checks every Blueprint, commits the result to `resolved` for Flux, and what it observed to `status`.\n\n"
        + console.EXIT_CODES
    ),
)


@app.callback()
def _group() -> None:
    """What all commands have in common: nothing yet."""


def main() -> None:
    """Run the command line; a ReconcilerError becomes one line and exit code 3."""
    try:
        app()
    except ReconcilerError as fault:
        console.print_error(str(fault))
        sys.exit(console.OUTSIDE)
