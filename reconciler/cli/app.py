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
    """A shell with support for completion."""

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
        "Validate documents before they are pushed or published: every problem at once, each with file:line:column.",
    ),
    "plan": LazyCommand(
        "plan",
        "Show the effect of a change and the results of the policy rules before it is merged or even pushed; nothing is written.",
    ),
    "once": LazyCommand(
        "once",
        "Reconcile each Environment once: resolve `main`, observe the clusters, commit the lock and the status.",
    ),
    "run": LazyCommand("run", "Reconcile all Environments continuously, until SIGTERM or Ctrl-C."),
    "init": LazyCommand(
        "init",
        "Prepare a repository on Gitea for an Environment: first commit, branch protection, webhook, topic.",
    ),
    "status": LazyCommand(
        "status", "Show the status of each Environment from its `status` branch, and whether a reconciler still confirms it."
    ),
    "explain": LazyCommand(
        "explain",
        "Explain an Application's verdict from a new observation: rule, conditions, digests, commits, dependencies, Flux.",
    ),
    "audit": LazyCommand(
        "audit",
        "Verify `resolved` independently of the reconciler: each file follows from the lock, each signature is valid.",
    ),
    "why": LazyCommand(
        "graph", "Show which Applications require an Application, in which range, up to the files that declare them."
    ),
    "tree": LazyCommand("graph", "Show the resolved Applications, each with its dependencies."),
    "outdated": LazyCommand(
        "update",
        "Show newer versions of Applications: those `update` would lock, and those that need another range or a signature.",
    ),
    "update": LazyCommand(
        "update",
        "Move locked versions to the newest in their ranges, and commit the lock to `resolved`; all other versions stay.",
    ),
    "promote": LazyCommand(
        "promote",
        "Open or update a pull request that pins in TO the versions that run in FROM and are ready there.",
    ),
    "publish": LazyCommand("publish", "Validate, package, push and sign Blueprints."),
    "schemas": LazyCommand("schemas", "Write the JSON Schema of every document, for editors and CI."),
    "import": LazyCommand("import_", "Generate an Environment's documents from the releases that run today."),
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
    add_completion=False,  # typer's own options accept no shell's name, and support only the current shell
    pretty_exceptions_enable=False,
    rich_markup_mode=console.MARKUP,
    help=(
        "Resolves the documents of Environments to verified packages, and reports the observed state of the clusters.\n\n"
        "An Environment is a git repository: people write `environment.yaml` and `applications/*.yaml` on `main`; the reconciler "
        "pins and verifies every Blueprint, commits the result to `resolved` for Flux, and the observed state to `status`.\n\n"
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
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the versions of the reconciler and its platform, and exit.",
        ),
    ] = False,
    install_completion: Annotated[
        Shell | None,
        typer.Option(
            "--install-completion",
            callback=_install_completion,
            is_eager=True,
            help="Install completion for a shell, and exit.",
        ),
    ] = None,
    show_completion: Annotated[
        Shell | None,
        typer.Option(
            "--show-completion",
            callback=_show_completion,
            is_eager=True,
            help="Print the completion script of a shell, and exit.",
        ),
    ] = None,
) -> None:
    """Options of the program itself, given before a command; each acts and exits."""
