"""`reconciler promote`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.bootstrap.clients import repository
from reconciler.cli import console
from reconciler.cli.environment_session import EnvironmentSession, open_environments
from reconciler.cli.options import ConfigOption
from reconciler.cli.problems import by_lines, show_problems
from reconciler.commands.promote import Promotion, PromotionTarget, merge_promotion, open_promotion, promotion_source
from reconciler.model.errors import ConfigurationError
from reconciler.services.admission.soak_history import SoakHistory


def promote(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The source Environment.", show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TO", help="The target Environment.", show_default=False)],
    config: ConfigOption,
    applications: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[APP...]", help="Only these Applications; by default all that exist in both.", show_default=False
        ),
    ] = None,
    merge_: Annotated[bool, typer.Option("--merge", help="Merge exactly the commit whose checks have succeeded.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long --merge waits for pending checks.")
    ] = 60,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Open or update a pull request that pins in TO the versions that run in FROM and are ready there.

    Changes only versions in the files of TO; comments and order are preserved. The pull request contains exactly the
    last request. An Application that is not ready in FROM is not promoted: with APP then nothing is, without it the others are.

    Exit codes: 0 done, or nothing to do; 1 something is not promoted, or not merged; 3 something outside failed.
    """
    with (
        open_environments(config, (source, target)) as (upstream, downstream),
        tempfile.TemporaryDirectory(prefix="reconciler-") as folder,
    ):
        destination, url = _destination(downstream)
        intervals = upstream.runtime.settings.intervals
        name = upstream.target.identity.name
        ready = promotion_source(name, upstream.branches, intervals.patience)
        clone = repository(upstream.runtime.settings, upstream.target, Path(folder), history=True)
        history = SoakHistory(name, clone, intervals.confirm)
        promotion = open_promotion(ready, history, destination, downstream.runtime.context, applications or [])
        files = downstream.branches.input_snapshot().files
        why_not = (
            (merge_promotion(destination, promotion, wait) if promotion.number else "there is no pull request")
            if merge_
            else None
        )
    where = f"{url}/{destination.repository}/pulls/{promotion.number}" if promotion.number else None
    if format_ is console.Format.json:
        console.print_json(_as_json(promotion, where, why_not))
    else:
        show_problems(promotion.problems, by_lines(files.get))
        _show(promotion, where, why_not)
    good = not promotion.problems and not any(skipped.refused for skipped in promotion.skipped) and not why_not
    raise typer.Exit(console.OK if good else console.REFUSED)


def _destination(session: EnvironmentSession) -> tuple[PromotionTarget, str]:
    gitea, where = session.runtime.settings.gitea, session.target.repository
    if session.runtime.gitea is None or gitea is None or where is None:
        raise ConfigurationError(
            f"{session.target.display_name} is not on the configured Gitea", "a pull request can be opened there alone"
        )
    destination = PromotionTarget(
        session.target.identity, session.runtime.gitea, gitea.username, where, session.clone, session.branches
    )
    return destination, gitea.url.rstrip("/")


def _show(promotion: Promotion, where: str | None, why_not: str | None) -> None:
    for pin in promotion.pins:
        console.print_line(f"{pin.name}: {pin.package.blueprint} {pin.before} -> {pin.package.version}")
    for skipped in promotion.skipped:
        console.print_line(f"{skipped.application}: not promoted: {skipped.why}")
    console.print_line(f"pull request {promotion.result}: {where}" if where else promotion.result)
    if why_not is not None:
        console.print_line(f"not merged: {why_not}" if why_not else f"merged at {promotion.commit[:10]}")


def _as_json(promotion: Promotion, where: str | None, why_not: str | None) -> dict[str, Any]:
    return {
        "what": promotion.result,
        "pullRequest": promotion.number or None,
        "url": where,
        "commit": promotion.commit or None,
        "pins": [
            {
                "application": pin.name,
                "blueprint": pin.package.blueprint,
                "from": pin.before,
                "to": pin.package.version,
                "digest": pin.package.digest,
                "readySince": pin.since or None,
                "readySeconds": promotion.soaked.get(pin.package.digest, 0),
            }
            for pin in promotion.pins
        ],
        "skipped": [
            {"application": skipped.application, "why": skipped.why, "refused": skipped.refused} for skipped in promotion.skipped
        ],
        "problems": [p.model_dump() for p in promotion.problems],
        "merged": None if why_not is None else not why_not,
        "notMerged": why_not or None,
    }
