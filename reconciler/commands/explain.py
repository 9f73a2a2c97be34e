"""The chain of evidence behind one Application's verdict: what was asked for, what is locked, what runs, and what Flux says.

The Flux sources explain a verdict; they never grant one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.domain.readiness.assessment import ASSESSMENT_RULES, Verdict
from reconciler.domain.readiness.flux_sources import MAX_WORDS, format_condition, summarize
from reconciler.domain.status.environment_status import resolve_root_blockers
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.model.errors import NotFoundError, ReconcilerError
from reconciler.model.layout import MAIN, RESOLVED
from reconciler.services.observation.lock_assessment import assess_lock, observed_in_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.services.observation.ports import AssessmentLimits, ClusterView
    from reconciler.services.repository.branches import EnvironmentBranches


@dataclass(frozen=True)
class PlacementExplanation:
    """An Application on one cluster.

    Attributes:
        cluster: which.
        verdict: ours, of this moment.
        rule: the row of readiness.md that decided, in its own words.
        conditions: of the HelmRelease, as `Type=Status Reason: message`.
        installed: the newest Helm release, field by field.
        flux: what each Flux source behind it says, one line each.
    """

    cluster: str
    verdict: Verdict
    rule: str
    conditions: tuple[str, ...]
    installed: Mapping[str, str]
    flux: Mapping[str, str]


@dataclass(frozen=True)
class Explanation:
    """All that a verdict rests on.

    Attributes:
        environment: its name.
        package: the lock's entry of the Application.
        main: the head of `main`.
        resolved: the head of `resolved`.
        input: the commit of `main` that `resolved` followed from.
        placed: the Application on each of its clusters.
        dependencies: the verdict of everything below it in the dependency chain, nearest first: (depth, Application, cluster,
            verdict).
    """

    environment: str
    package: Package
    main: str | None
    resolved: str | None
    input: str | None
    placed: tuple[PlacementExplanation, ...]
    dependencies: tuple[tuple[int, str, str, Verdict], ...]


def explain(
    branches: EnvironmentBranches, clusters: ClusterView, limits: AssessmentLimits, application: str, *, wait: float
) -> Explanation:
    """Look at everything now, and explain.

    Args:
        branches: of the Environment; looked at here.
        clusters: asked here.
        limits: within which observations are judged.
        application: whose verdict.
        wait: seconds to wait for a cluster's first answer.

    Raises:
        NotFoundError: nothing is resolved yet, or no such Application is.
        ReconcilerError: the repository could not be read.
    """
    branches.refresh()
    lock = branches.lock()
    if lock is None:
        raise NotFoundError("nothing is resolved yet", "see `reconciler status`")
    package = next((p for p in lock.packages if p.application == application), None)
    if package is None:
        names = [p.application for p in lock.packages]
        raise NotFoundError(f"{lock.metadata.name} has no Application {application}", did_you_mean(application, names))
    verdicts = _verdicts(branches, lock, clusters, limits, wait)
    return Explanation(
        environment=lock.metadata.name,
        package=package,
        main=branches.head(MAIN),
        resolved=branches.head(RESOLVED),
        input=branches.input_of_resolved(),
        placed=tuple(_placed(lock, package, c, verdicts[application, c], clusters) for c in package.placements),
        dependencies=tuple(_needs(lock, package, verdicts)),
    )


def _verdicts(
    branches: EnvironmentBranches, lock: EnvironmentLock, view: ClusterView, limits: AssessmentLimits, wait: float
) -> dict[tuple[str, str], Verdict]:
    for cluster in sorted({c for p in lock.packages for c in p.placements}):
        view.observe_cluster(cluster, wait=wait)
    observed = observed_in_status(branches.status())
    return dict(
        resolve_root_blockers(
            assess_lock(lock, view, limits, committed=branches.time(RESOLVED), now=time.time(), observed=observed)
        )
    )


def _placed(
    lock: EnvironmentLock, package: Package, cluster: str, verdict: Verdict, clusters: ClusterView
) -> PlacementExplanation:
    facts = verdict.evidence.facts if verdict.evidence else None
    newest = facts.newest if facts else None
    return PlacementExplanation(
        cluster=cluster,
        verdict=verdict,
        rule=ASSESSMENT_RULES[verdict.row],
        conditions=tuple(format_condition(c) for c in facts.conditions.values()) if facts else (),
        installed={k: str(v)[:MAX_WORDS] for k, v in (newest or {}).items()},
        flux=_flux(lock.flux_namespace, package.application, cluster, clusters),
    )


def _flux(namespace: str, application: str, cluster: str, clusters: ClusterView) -> dict[str, str]:
    try:
        sources = clusters.flux_sources(cluster, namespace, application)
    except ReconcilerError as fault:
        return {"cannot be asked": fault.message}
    return {name: summarize(one) for name, one in sources.items()}


def _needs(
    lock: EnvironmentLock, package: Package, verdicts: Mapping[tuple[str, str], Verdict]
) -> Iterable[tuple[int, str, str, Verdict]]:
    """Everything below an Application, breadth first, each once on each of the Application's clusters."""
    packages = {p.application: p for p in lock.packages}
    level, depth, seen = [package.application], 0, {package.application}
    while level:
        depth += 1
        below = sorted({name for parent in level for name in packages[parent].depends_on if name in packages} - seen)
        seen.update(below)
        for name in below:
            for cluster in package.placements:
                if (name, cluster) in verdicts:
                    yield depth, name, cluster, verdicts[name, cluster]
        level = below
