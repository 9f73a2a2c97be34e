"""`reconciler status`."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from reconciler.bootstrap.clients import known_environments, repository
from reconciler.cli import console, logs
from reconciler.cli.options import ConfigOption, EnvironmentsArgument
from reconciler.config.settings import read_settings
from reconciler.controller.discovery import select_targets
from reconciler.domain.status.environment_status import status_subject
from reconciler.model.errors import ReconcilerError
from reconciler.model.layout import MAIN
from reconciler.services.repository.branches import EnvironmentBranches

if TYPE_CHECKING:
    from reconciler.config.settings import Settings
    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.model.status import EnvironmentStatus


@dataclass(frozen=True)
class StatusReport:
    """The status of an Environment, as its branches have it.

    Attributes:
        main: the head of `main`.
        status: the status; None before the first pass.
        age: seconds since the status was written, or confirmed in refs/catalyst/confirmed; None where all is dated ahead.
        stale: whether it is older than a running reconciler lets it become.
    """

    main: str | None
    status: EnvironmentStatus | None
    age: int | None
    stale: bool


def status(
    config: ConfigOption, environments: EnvironmentsArgument = None, format_: console.FormatOption = console.Format.text
) -> None:
    """Show the status of each Environment from its `status` branch, and whether a reconciler still confirms it. Reads only git.

    A current status is confirmed every `intervals.confirm` seconds, in the ref refs/catalyst/confirmed. A status without a recent
    confirmation is stale: the reconciler may be down, and the status may be outdated.

    Exit codes: 0 every Environment is Ready, of the commit that main is at, and confirmed; 1 one is not; 3 one could not be read.
    """
    logs.configure(verbose=False)
    settings = read_settings(config)
    with tempfile.TemporaryDirectory(prefix="reconciler-status-") as folder:
        reports = {
            key: _read(target, Path(folder), settings)
            for key, target in select_targets(known_environments(settings), environments).items()
        }
    if format_ is console.Format.json:
        console.print_json([_as_json(key, report) for key, report in reports.items()])
    else:
        for key, report in reports.items():
            _show(key, report)
    raise typer.Exit(max((_code(report) for report in reports.values()), default=console.OK))


def _read(target: EnvironmentTarget, folder: Path, settings: Settings) -> StatusReport | ReconcilerError:
    try:
        branches = EnvironmentBranches(repository(settings, target, folder))
        branches.refresh()
        confirmed = branches.last_confirmed()
        age = max(0, int(time.time()) - confirmed) if confirmed else None
        stale = age is None or age > settings.intervals.patience
        return StatusReport(branches.head(MAIN), branches.status(), age, stale=stale)
    except ReconcilerError as error:
        return error


def _code(report: StatusReport | ReconcilerError) -> int:
    if isinstance(report, ReconcilerError):
        return console.OUTSIDE
    current = report.status
    good = current is not None and current.input == report.main and current.refused is None and not report.stale
    good = good and current is not None and current.condition("Ready").status == "True"
    return console.OK if good else console.REFUSED


def _show(key: str, report: StatusReport | ReconcilerError) -> None:
    if isinstance(report, ReconcilerError):
        console.print_error(f"{key}: {report}")
        return
    current = report.status
    if current is None:
        console.print_line(f"{key}: no status yet: the reconciler has not made a pass over it")
        return
    console.print_line(status_subject(current))
    if current.input != report.main:
        console.print_line(f"  behind: main is at {str(report.main)[:10]}, this is of {current.input[:10]}")
    if report.age is None:
        console.print_line(
            "  stale: it is dated ahead of this machine's clock; compare that with the reconciler's and the forge's"
        )
    else:
        console.print_line(f"  {'stale: ' if report.stale else ''}last confirmed {_ago(report.age)} ago")
    for problem in current.problems:
        console.print_line(f"  {problem.place}: {problem.message}" if problem.place else f"  {problem.message}")
    rows: list[tuple[str, ...]] = [
        (a.name, f"{a.blueprint} {a.version}", p.cluster, p.ready, p.state, p.reason, p.message)
        for a in current.applications
        for p in a.placements
    ]
    rows += [
        (r.name, f"{r.blueprint} {r.version}", p.cluster, "-", r.state, p.reason, p.message)
        for r in current.removing
        for p in r.placements
    ]
    console.print_table(("Application", "Blueprint", "Cluster", "Ready", "State", "Reason", "Message"), rows)


def _as_json(key: str, report: StatusReport | ReconcilerError) -> dict[str, object]:
    if isinstance(report, ReconcilerError):
        return {"environment": key, "fault": {"kind": report.reason, "message": str(report)}}
    current = report.status
    return {
        "environment": key,
        "main": report.main,
        "confirmedSecondsAgo": report.age if current else None,
        "stale": report.stale,
        "status": current.model_dump(mode="json", by_alias=True, exclude_none=True) if current else None,
    }


def _ago(seconds: int) -> str:
    """A span in its largest fitting unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
