"""The commands, by name: imports the module of a command when that command is run."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from reconciler.cli import console


class Shell(StrEnum):
    """A shell that completions can be made for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


class LazyCommand(NamedTuple):
    """A command that is not imported yet: its module in this package, and the first sentence of its help."""

    module: str
    summary: str


# In the order of the help. Listing them imports none; a test compares each summary with its command's help.
COMMANDS: Final = {
    "validate": LazyCommand(
        "validate",
        "Check documents before they are pushed or published: every problem at once, each with file:line:column.",
    ),
    "plan": LazyCommand(
        "plan",
        "Show what a change would do, and what policies say of it, before anybody merges or even pushes it; nothing is written.",
    ),
    "once": LazyCommand(
        "once",
        "Make one pass over each Environment: resolve what was pushed, look at what runs, commit both.",
    ),
    "run": LazyCommand("run", "Keep all Environments reconciled, until SIGTERM or Ctrl-C."),
    "init": LazyCommand(
        "init",
        "Prepare a repository on Gitea for an Environment: a first commit, who may push which branch, the webhook, the topic.",
    ),
    "status": LazyCommand("status", "Show what the `status` branches say, and whether somebody still watches."),
    "explain": LazyCommand(
        "explain",
        "Show all that an Application's verdict rests on, looked at now: rule, conditions, digests, commits, dependencies, Flux.",
    ),
    "audit": LazyCommand(
        "audit",
        "Check what is resolved again, trusting nobody: every file is what the lock makes, every signature named there holds.",
    ),
    "why": LazyCommand("graph", "Show who needs an Application, in which range, up to the files in which people declared that."),
    "tree": LazyCommand("graph", "Show the Applications that are resolved, each with what it needs."),
    "outdated": LazyCommand(
        "update",
        "Show what is not in its newest version: what `update` would do, and what only another range or a signature would.",
    ),
    "update": LazyCommand(
        "update",
        "Move locked versions to the newest ones in their ranges, and commit that to `resolved`; all others stay where they are.",
    ),
    "promote": LazyCommand(
        "promote",
        "Open a pull request, or update the one that is open, that pins in TO what runs in FROM and is ready there.",
    ),
    "publish": LazyCommand("publish", "Check, package, push and sign Blueprints."),
    "schemas": LazyCommand("schemas", "Write the JSON Schema of every document, for editors and CI."),
    "import": LazyCommand("import_", "Make an Environment's documents of what runs today."),
}


class _LazyGroup(TyperGroup):
    """Imports a command when it is run: `validate` runs in editors and hooks, and needs no Kubernetes client."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: dict[str, Any] = {
            name: TyperCommand(name, short_help=command.summary) for name, command in COMMANDS.items()
        }

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        """Imports a command by name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"reconciler.cli.{COMMANDS[cmd_name].module}")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            return get_group(group)
        alone = typer.Typer(add_completion=False, rich_markup_mode=console.MARKUP)
        alone.command(cmd_name)(getattr(module, cmd_name))
        return get_command(alone)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help, with the summaries of the commands."""
        self._of_summaries().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The commands and options that complete a word, with the summaries of the commands."""
        group = self._of_summaries()
        return group.shell_complete(typer.Context(group, info_name=ctx.info_name, resilient_parsing=True), incomplete)

    def _of_summaries(self) -> TyperGroup:
        """The same group, whose commands have a name and a summary and nothing else."""
        return TyperGroup(
            name=self.name, commands=self.commands, rich_markup_mode=self.rich_markup_mode, params=self.params, help=self.help
        )


app = typer.Typer(
    name="reconciler",
    cls=_LazyGroup,
    no_args_is_help=True,
    add_completion=False,  # typer's own options take no shell's name, and complete only the shell that they run in
    pretty_exceptions_enable=False,
    rich_markup_mode=console.MARKUP,
    help=(
        "Turns what people push into what runs, and tells the truth about it.\n\n"
        "An Environment is a git repository: people write `environment.yaml` and `applications/*.yaml` on `main`; the reconciler "
        "pins and checks every Blueprint, commits the result to `resolved` for Flux, and what it observed to `status`.\n\n"
        + console.EXIT_CODES
    ),
)


def _show_version(value: bool) -> None:
    if value:
        from reconciler.cli.version import show_versions

        show_versions()
        raise typer.Exit


def _show_completion(ctx: typer.Context, param: typer.CallbackParam, value: Shell | None) -> None:
    if value is not None:
        from typer.completion import show_callback

        show_callback(ctx, param, value.value)


def _install_completion(ctx: typer.Context, param: typer.CallbackParam, value: Shell | None) -> None:
    if value is not None:
        from typer.completion import install_callback

        install_callback(ctx, param, value.value)


@app.callback()
def _group(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the versions of what it runs on, and exit."),
    ] = False,
    install_completion: Annotated[
        Shell | None,
        typer.Option(
            "--install-completion",
            callback=_install_completion,
            is_eager=True,
            help="Install the completion of a shell, and exit.",
        ),
    ] = None,
    show_completion: Annotated[
        Shell | None,
        typer.Option(
            "--show-completion", callback=_show_completion, is_eager=True, help="Print the completion of a shell, and exit."
        ),
    ] = None,
) -> None:
    """Options that stand before a command; each acts and exits."""
