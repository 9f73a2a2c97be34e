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
from reconciler.services.planning.planner import (
    is_revert,
    merge_ref,
    plan_change,
    plan_fingerprint,
    reviewed_packages,
    snapshot_of_folder,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.cli.environment_session import EnvironmentSession
    from reconciler.domain.admission.rules import Admission
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.git import Snapshot
    from reconciler.services.planning.planner import Plan

EXIT_CHANGES = 4


def plan(
    environment: EnvironmentArgument,
    config: ConfigOption,
    ref: Annotated[
        str, typer.Option("--ref", metavar="REF", help="A branch, or pull/<number>: planned as merged into main.")
    ] = "",
    path: Annotated[
        Path | None,
        typer.Option(
            "--path", metavar="DIR", help="A folder, including uncommitted changes. Default without --ref: the current one."
        ),
    ] = None,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Show the effect of a change and the results of the policy rules before it is merged or even pushed; nothing is written.

    Exit codes: 0 nothing changes; 1 it is refused; 3 something outside failed; 4 something changes.
    """
    if ref and path is not None:
        raise ConfigurationError("--ref and --path exclude each other", "give one of them")
    with open_environment(config, environment) as session:
        session.branches.refresh()
        number = _number(session, ref)
        change = _planned(session, _of_ref(session, ref) if ref else snapshot_of_folder(path or Path()), number)
        admission = _admission(session, change, number)
    if format_ is console.Format.json:
        console.print_json({**_as_json(change), "policy": _policy(admission)})
    else:
        _show(environment, change)
        _show_policy(admission)
    raise typer.Exit(_code(change))


def _of_ref(session: EnvironmentSession, ref: str) -> Snapshot:
    """The documents of `main` with a branch or a pull request merged."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        return merge_ref(repository(session.runtime.settings, session.target, Path(folder), history=True), ref)


def _planned(session: EnvironmentSession, snapshot: Snapshot, number: int | None) -> Plan:
    """Plans the documents of `main`, or those with a pull request merged, as the comment on that pull request does."""
    identity, branches = session.target.identity, session.branches
    kept = reviewed_packages(branches, snapshot, lambda: _proposed(session) - {number})
    return plan_change(snapshot, identity, branches.lock(), session.runtime.context, sole_claim(identity), reviewed=kept)


def _proposed(session: EnvironmentSession) -> frozenset[int]:
    """The numbers of the open pull requests."""
    gitea, where = session.runtime.gitea, session.target.repository
    return (
        frozenset(pull.number for pull in gitea.pull_requests(where)) if gitea is not None and where is not None else frozenset()
    )


def _admission(session: EnvironmentSession, change: Plan, number: int | None) -> Admission | None:
    """Evaluates the rules: for a pull request with its approvals, for anything else as for one that is still to be opened."""
    if change.desired is None:
        return None
    gate, packages = session.runtime.gate(session.target), new_packages(change.prior, change.desired.lock)
    if session.runtime.gitea is None or session.target.repository is None or number is None:
        return gate.evaluate_draft(packages) if change.steps else None
    pull = session.runtime.gitea.pull_request(session.target.repository, number)
    main = _planned(session, session.branches.input_snapshot(), None)
    lock = main.desired.lock if main.desired else None
    # what holds main also holds what is merged into it
    held = gate.evaluate(session.branches, lock, main.tree, fetch=True).admission
    bound = plan_fingerprint(change, main.snapshot, lock)
    return gate.evaluate_pull_request(pull, packages, bound, main=held, restores=is_revert(change, session.branches))


def _number(session: EnvironmentSession, ref: str) -> int | None:
    """The number of the open pull request whose head a ref is; None when it is of none."""
    if (named := number_of(ref)) is not None:
        return named
    gitea, where = session.runtime.gitea, session.target.repository
    pull = gitea.proposal(where, ref, MAIN) if ref and gitea is not None and where is not None else None
    return pull.number if pull else None


def _show_policy(admission: Admission | None) -> None:
    if admission is None or not admission.results:
        return
    console.print_line(f"policy: {admission_summary(admission)}")
    for result in admission.results:
        console.print_line(f"  {result.kind}{f' ({result.policy})' if result.policy else ''}: {result.message}")


def _policy(admission: Admission | None) -> Sequence[Mapping[str, Any]] | None:
    """The results of the rules as JSON; None where nothing was evaluated."""
    if admission is None:
        return None
    return [
        {"policy": r.policy, "kind": r.kind, "holds": r.status, "reason": r.reason, "message": r.message}
        for r in admission.results
    ]


def _show(environment: str, change: Plan) -> None:
    problems = [*change.warnings, *problems_of(change.blocker)]
    show_problems(problems, by_lines(change.snapshot.files.get))
    if change.blocker is not None:
        blockers.show(environment, change.blocker)
        return
    if not change.steps:
        console.print_line("nothing changes of what runs")
        return
    columns = ("APPLICATION", "WHAT", "BLUEPRINT", "DIGEST", "NEEDED BY", "SIGNED FOR", "WAIT FOR IT")
    console.print_table(columns, (_row(step) for step in change.steps))
    console.print_line(f"resolved will have the tree {change.tree}")


def _row(step: ApplicationChange) -> tuple[str, ...]:
    package = step.package
    return (
        package.application,
        step.summary,
        f"{package.blueprint} {package.version}",
        package.digest.removeprefix("sha256:")[:12],
        ", ".join(sorted({requirer.application for requirer in package.required_by} - {package.application})),
        ", ".join(f"{proof.policy} by {proof.authority}" for proof in package.evidence),
        ", ".join(step.affected_dependents),
    )


def _as_json(change: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "application": step.package.application,
                "what": step.summary,
                "before": step.before and step.before.model_dump(mode="json", by_alias=True),
                "after": step.after and step.after.model_dump(mode="json", by_alias=True),
                "waiting": list(step.affected_dependents),
            }
            for step in change.steps
        ],
        "tree": change.tree,
        "warnings": [p.model_dump() for p in change.warnings],
        "blocker": blockers.as_json(change.blocker),
        "problems": [p.model_dump() for p in problems_of(change.blocker)],
    }


def _code(change: Plan) -> int:
    if change.blocker is not None:
        return blockers.exit_code(change.blocker)
    return EXIT_CHANGES if change.steps else console.OK
