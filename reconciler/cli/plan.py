"""`reconciler plan`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.bootstrap.clients import repository
from reconciler.cli import blockers, console
from reconciler.cli.environment_reader import EnvironmentArgument
from reconciler.cli.environment_session import open_environment
from reconciler.cli.options import ConfigOption
from reconciler.cli.problems import by_lines, show_problems
from reconciler.domain.admission.rules import admission_summary
from reconciler.domain.admission.soak import new_packages
from reconciler.domain.blocker import problems_of
from reconciler.model.errors import ConfigurationError
from reconciler.model.layout import MAIN, number_of
from reconciler.services.planning.namespace_claims import sole_claim
from reconciler.services.planning.planner import is_revert, merge_ref, plan_fingerprint, reviewed_packages, snapshot_of_folder
from reconciler.services.planning.planner import plan_change as planned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.cli.environment_session import EnvironmentSession
    from reconciler.domain.admission.rules import Admission
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.git import Snapshot
    from reconciler.services.planning.planner import Plan

CHANGES = 4


def plan(
    environment: EnvironmentArgument,
    config: ConfigOption,
    ref: Annotated[
        str, typer.Option("--ref", metavar="REF", help="A branch, or pull/<number>: planned as merged into main.")
    ] = "",
    path: Annotated[
        Path | None,
        typer.Option("--path", metavar="DIR", help="A folder as it is, committed or not. Without either: this one."),
    ] = None,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Show what a change would do, and what policies say of it, before anybody merges or even pushes it; nothing is written.

    Exit codes: 0 nothing changes; 1 it is refused; 3 something outside failed; 4 something changes.
    """
    if ref and path is not None:
        raise ConfigurationError("--ref and --path exclude each other", "give one of them")
    with open_environment(config, environment) as here:
        here.branches.refresh()
        number = _number(here, ref)
        found = _planned(here, _of_ref(here, ref) if ref else snapshot_of_folder(path or Path()), number)
        admission = _admission(here, found, number)
    if format_ is console.Format.json:
        console.print_json({**_as_json(found), "policy": _policy(admission)})
    else:
        _show(environment, found)
        _show_policy(admission)
    raise typer.Exit(_code(found))


def _of_ref(here: EnvironmentSession, ref: str) -> Snapshot:
    """What people wrote, with a branch or a pull request merged."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        return merge_ref(repository(here.target, Path(folder), history=True), ref)


def _planned(here: EnvironmentSession, snapshot: Snapshot, number: int | None) -> Plan:
    """Plan what people wrote, or would with a pull request; what that was told is what is told here."""
    identity, branches = here.target.identity, here.branches
    kept = reviewed_packages(branches, snapshot, lambda: _proposed(here) - {number})
    return planned(snapshot, identity, branches.lock(), here.runtime.world, sole_claim(identity), reviewed=kept)


def _proposed(here: EnvironmentSession) -> frozenset[int]:
    """The pull requests that are open."""
    gitea, where = here.runtime.gitea, here.target.repository
    return frozenset(one.number for one in gitea.pull_requests(where)) if gitea is not None and where is not None else frozenset()


def _admission(here: EnvironmentSession, found: Plan, number: int | None) -> Admission | None:
    """What the rules say of it: of a pull request as it is, of anything else as of what is still to be proposed."""
    if found.desired is None:
        return None
    gate, packages = here.runtime.gate(here.target), new_packages(found.prior, found.desired.lock)
    if here.runtime.gitea is None or here.target.repository is None or number is None:
        return gate.evaluate_draft(packages) if found.steps else None
    pull = here.runtime.gitea.pull_request(here.target.repository, number)
    main = _planned(here, here.branches.input_snapshot(), None)
    lock = main.desired.lock if main.desired else None
    held = gate.evaluate(here.branches, lock, main.tree, fetch=True).admission  # what holds main holds what is merged into it too
    bound = plan_fingerprint(found, main.snapshot, lock)
    return gate.evaluate_pull_request(pull, packages, bound, main=held, restores=is_revert(found, here.branches))


def _number(here: EnvironmentSession, ref: str) -> int | None:
    """Of which pull request a ref is the head, if of any that is open."""
    if (named := number_of(ref)) is not None:
        return named
    gitea, where = here.runtime.gitea, here.target.repository
    there = gitea.proposal(where, ref, MAIN) if ref and gitea is not None and where is not None else None
    return there.number if there else None


def _show_policy(admission: Admission | None) -> None:
    if admission is None or not admission.results:
        return
    console.print_line(f"policy: {admission_summary(admission)}")
    for one in admission.results:
        console.print_line(f"  {one.kind}{f' ({one.policy})' if one.policy else ''}: {one.message}")


def _policy(admission: Admission | None) -> Sequence[Mapping[str, Any]] | None:
    """The rules' results, for a machine; None where there is nothing that they could be asked about."""
    if admission is None:
        return None
    return [
        {"policy": r.policy, "kind": r.kind, "holds": r.status, "reason": r.reason, "message": r.message}
        for r in admission.results
    ]


def _show(environment: str, found: Plan) -> None:
    problems = [*found.warnings, *problems_of(found.blocker)]
    show_problems(problems, by_lines(found.snapshot.files.get))
    if found.blocker is not None:
        blockers.show(environment, found.blocker)
        return
    if not found.steps:
        console.print_line("nothing changes of what runs")
        return
    columns = ("APPLICATION", "WHAT", "BLUEPRINT", "DIGEST", "NEEDED BY", "SIGNED FOR", "WAIT FOR IT")
    console.print_table(columns, (_row(step) for step in found.steps))
    console.print_line(f"resolved will have the tree {found.tree}")


def _row(step: ApplicationChange) -> tuple[str, ...]:
    package = step.package
    return (
        package.application,
        step.summary,
        f"{package.blueprint} {package.version}",
        package.digest.removeprefix("sha256:")[:12],
        ", ".join(sorted({one.application for one in package.required_by} - {package.application})),
        ", ".join(f"{one.policy} by {one.authority}" for one in package.evidence),
        ", ".join(step.affected_dependents),
    )


def _as_json(found: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "application": step.package.application,
                "what": step.summary,
                "before": step.before and step.before.model_dump(mode="json", by_alias=True),
                "after": step.after and step.after.model_dump(mode="json", by_alias=True),
                "waiting": list(step.affected_dependents),
            }
            for step in found.steps
        ],
        "tree": found.tree,
        "warnings": [p.model_dump() for p in found.warnings],
        "blocker": blockers.as_json(found.blocker),
        "problems": [p.model_dump() for p in problems_of(found.blocker)],
    }


def _code(found: Plan) -> int:
    if found.blocker is not None:
        return blockers.exit_code(found.blocker)
    return CHANGES if found.steps else console.OK
