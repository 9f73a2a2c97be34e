"""`reconciler explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import console
from reconciler.cli.environment_session import open_environment
from reconciler.cli.options import CLUSTER_TIMEOUT, ConfigOption
from reconciler.commands.explain import Explanation, PlacementExplanation
from reconciler.commands.explain import explain as explained

if TYPE_CHECKING:
    from reconciler.domain.readiness.assessment import Verdict


def explain(
    application: Annotated[str, typer.Argument(metavar="ENV/APP", help="An Application of an Environment.", show_default=False)],
    config: ConfigOption,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Explain an Application's verdict from a new observation: rule, conditions, digests, commits, dependencies, Flux.

    The conditions of the Flux sources explain a verdict, but never make it Ready. Writes nothing.

    Exit codes: 0 it is ready on all its placements; 1 it is not; 3 something outside failed, or there is no such Application.
    """
    environment, _, name = application.rpartition("/")
    if not environment:
        raise typer.BadParameter("write it as ENV/APP, such as acme-prod/marketing-site")
    with open_environment(config, environment) as session:
        explanation = explained(session.branches, session.runtime.clusters, session.runtime.limits, name, wait=CLUSTER_TIMEOUT)
    if format_ is console.Format.json:
        console.print_json(_as_json(explanation))
    else:
        _show(explanation)
    raise typer.Exit(console.OK if all(p.verdict.ready == "True" for p in explanation.placed) else console.REFUSED)


def _show(explanation: Explanation) -> None:
    package = explanation.package
    for placed in explanation.placed:
        _show_placed(explanation, placed)
    console.print_line("locked")
    console.print_line(f"  {package.blueprint} {package.version}  {package.artifact}")
    console.print_line(f"  entry      {package.entry}")
    for evidence in package.evidence:
        console.print_line(f"  signature  {evidence.signature} by {evidence.authority} (policy {evidence.policy})")
        for attested in evidence.attestations:
            console.print_line(f"  attested   {attested.predicate_type} by {attested.authority}, {attested.signature}")
    for requirer in package.required_by:
        console.print_line(f"  wanted by  {requirer.application} {requirer.range} ({requirer.in_})")
    console.print_line("commits")
    behind = "" if explanation.input == explanation.main else f", which is not what main is at: {explanation.main}"
    console.print_line(f"  resolved   {explanation.resolved}, of main {explanation.input}{behind}")
    if explanation.dependencies:
        console.print_line("needs")
    for depth, name, cluster, verdict in explanation.dependencies:
        console.print_line(f"{'  ' * depth}{name} on {cluster}: {_answer(verdict)}")


def _show_placed(explanation: Explanation, placed: PlacementExplanation) -> None:
    verdict = placed.verdict
    console.print_line(f"{explanation.environment}/{explanation.package.application} on {placed.cluster}: {_answer(verdict)}")
    console.print_line(f"  rule       row {verdict.row}: {placed.rule}")
    console.print_line(f"  because    {verdict.message}")
    facts = verdict.evidence.facts if verdict.evidence else None
    if facts is not None:
        console.print_line(f"  generation {facts.generation}, acted on {facts.observed}; entry {facts.entry}")
    for line in placed.conditions:
        console.print_line(f"  condition  {line}")
    if placed.installed:
        console.print_line(f"  installed  {', '.join(f'{k} {v}' for k, v in placed.installed.items())}")
    for name, report in placed.flux.items():
        console.print_line(f"  flux       {name} {report}")


def _answer(verdict: Verdict) -> str:
    waiting = f", waiting for {', '.join(verdict.waiting_for)}" if verdict.waiting_for else ""
    return f"{verdict.ready} ({verdict.state}, {verdict.reason}{waiting})"


def _as_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "environment": explanation.environment,
        "application": explanation.package.application,
        "main": explanation.main,
        "resolved": explanation.resolved,
        "input": explanation.input,
        "locked": explanation.package.model_dump(mode="json", by_alias=True),
        "placements": [
            {
                **_verdict(p.cluster, p.verdict),
                "row": p.verdict.row,
                "rule": p.rule,
                "conditions": list(p.conditions),
                "installed": dict(p.installed),
                "flux": dict(p.flux),
            }
            for p in explanation.placed
        ],
        "needs": [
            {"depth": depth, "application": name, **_verdict(cluster, v)} for depth, name, cluster, v in explanation.dependencies
        ],
    }


def _verdict(cluster: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "ready": verdict.ready,
        "state": verdict.state,
        "reason": verdict.reason,
        "message": verdict.message,
        "waitingFor": list(verdict.waiting_for),
    }
