"""`reconciler update` and `reconciler outdated`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import blockers, console
from reconciler.cli.environment_reader import EnvironmentArgument
from reconciler.cli.environment_session import open_environment
from reconciler.cli.options import ConfigOption
from reconciler.cli.problems import by_lines, show_problems
from reconciler.commands import update as updating
from reconciler.domain.blocker import Held, problems_of

if TYPE_CHECKING:
    from reconciler.commands.update import Outdated
    from reconciler.domain.blocker import Blocker


def update(
    environment: EnvironmentArgument,
    config: ConfigOption,
    applications: Annotated[
        list[str] | None, typer.Argument(metavar="[APP...]", help="Only these Applications; all by default.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the changes.")] = False,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Move locked versions to the newest in their ranges, and commit the lock to `resolved`; all other versions stay.

    A pass never moves a locked version without a request; this command is the request. To leave a range, change it in the file.

    Exit codes: 0 done, or nothing to do; 1 it is refused, be it by an EnvironmentPolicy; 3 something outside failed.
    """
    with open_environment(config, environment) as session:
        result = updating.update(
            session.target.identity,
            session.branches,
            session.runtime.context,
            applications or [],
            session.runtime.gate(session.target),
            push=not dry_run,
        )
        files = session.branches.input_snapshot().files
    if format_ is console.Format.json:
        console.print_json(
            {
                "changes": list(result.lines),
                "commit": result.commit,
                "warnings": [p.model_dump() for p in result.warnings],
                **_blocker_as_json(result.blocker),
            }
        )
    else:
        for line in result.lines:
            console.print_line(line)
        show_problems([*result.warnings, *problems_of(result.blocker)], by_lines(files.get))
        blockers.show(environment, result.blocker)
        if result.blocker is None:
            outcome = f"committed to resolved as {result.commit[:10]}" if result.commit else "nothing was committed"
            console.print_line(
                outcome if result.lines else f"nothing can be moved; `reconciler outdated {environment}` shows what is held back"
            )
    # An update that a policy holds counts as refused: a person requested it, and it is not retried.
    raise typer.Exit(console.REFUSED if isinstance(result.blocker, Held) else blockers.exit_code(result.blocker))


def outdated(environment: EnvironmentArgument, config: ConfigOption, format_: console.FormatOption = console.Format.text) -> None:
    """Show newer versions of Applications: those `update` would lock, and those that need another range or a signature.

    Exit codes: 0 shown; 1 not everything can be updated together; 3 something outside failed.
    """
    with open_environment(config, environment) as session:
        rows, blocker = updating.outdated(session.target.identity, session.branches, session.runtime.context)
    if format_ is console.Format.json:
        console.print_json({"outdated": [_as_json(row) for row in rows], **_blocker_as_json(blocker)})
    else:
        _show(rows)
        blockers.show(environment, blocker)
    raise typer.Exit(blockers.exit_code(blocker))


def _show(rows: tuple[Outdated, ...]) -> None:
    if not rows:
        console.print_line("everything is in its newest version")
        return
    columns = ("APPLICATION", "BLUEPRINT", "LOCKED", "IN RANGE", "NEWEST", "WHY NOT")
    console.print_table(
        columns,
        ((o.package.application, o.package.blueprint, o.package.version, o.in_range, o.newest, o.blocked_by) for o in rows),
    )


def _as_json(row: Outdated) -> dict[str, Any]:
    return {
        "application": row.package.application,
        "blueprint": row.package.blueprint,
        "locked": row.package.version,
        "inRange": row.in_range,
        "newest": row.newest,
        "blockedBy": row.blocked_by,
    }


def _blocker_as_json(blocker: Blocker | None) -> dict[str, Any]:
    return {"blocker": blockers.as_json(blocker), "problems": [p.model_dump() for p in problems_of(blocker)]}
