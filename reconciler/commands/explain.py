"""Explains one Application's verdict: what is declared, what is locked, what runs, and what the Flux sources report.

Flux sources explain a verdict; they never change one.
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
    """The explanation of an Application on one cluster.

    Attributes:
        cluster: the cluster.
        verdict: the verdict of this moment.
        rule: the readiness rule that decided, as text.
        conditions: the HelmRelease's conditions, as `Type=Status Reason: message`.
        installed: the newest Helm release, field by field.
        flux: a summary of each Flux source, by name.
    """

    cluster: str
    verdict: Verdict
    rule: str
    conditions: tuple[str, ...]
    installed: Mapping[str, str]
    flux: Mapping[str, str]


@dataclass(frozen=True)
class Explanation:
    """The explanation of an Application's verdict.

    Attributes:
        environment: the Environment's name.
        package: the lock's entry of the Application.
        main: the head of `main`.
        resolved: the head of `resolved`.
        input: the commit of `main` that `resolved` was made from.
        placed: the explanation for each of its clusters.
        dependencies: the verdict of each direct and indirect dependency, nearest first: (depth, Application, cluster, verdict).
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
    """Observe everything now, and explain.

    Args:
        branches: the Environment's branches; fetched here.
        clusters: the clusters; queried here.
        limits: the limits for assessing observations.
        application: the Application.
        wait: seconds to wait for the first response of a cluster.

    Raises:
        NotFoundError: nothing is resolved yet, or there is no such Application.
        ReconcilerError: the repository could not be read.
    """
    branches.refresh()
    lock = branches.lock()
    if lock is None:
        raise NotFoundError("nothing is resolved yet", "see `reconciler status`")
    package = next((package for package in lock.packages if package.application == application), None)
    if package is None:
        names = [package.application for package in lock.packages]
        raise NotFoundError(f"{lock.metadata.name} has no Application {application}", did_you_mean(application, names))
    verdicts = _verdicts(branches, lock, clusters, limits, wait)
    return Explanation(
        environment=lock.metadata.name,
        package=package,
        main=branches.head(MAIN),
        resolved=branches.head(RESOLVED),
        input=branches.input_of_resolved(),
        placed=tuple(
            _explain_placement(lock, package, cluster, verdicts[application, cluster], clusters) for cluster in package.placements
        ),
        dependencies=tuple(_dependencies(lock, package, verdicts)),
    )


def _verdicts(
    branches: EnvironmentBranches, lock: EnvironmentLock, view: ClusterView, limits: AssessmentLimits, wait: float
) -> dict[tuple[str, str], Verdict]:
    for cluster in sorted({placement for package in lock.packages for placement in package.placements}):
        view.observe_cluster(cluster, wait=wait)
    observed = observed_in_status(branches.status())
    return dict(
        resolve_root_blockers(
            assess_lock(
                lock,
                branches.rendered_releases(),
                view,
                limits,
                committed=branches.time(RESOLVED),
                now=time.time(),
                observed=observed,
            )
        )
    )


def _explain_placement(
    lock: EnvironmentLock, package: Package, cluster: str, verdict: Verdict, clusters: ClusterView
) -> PlacementExplanation:
    facts = verdict.evidence.facts if verdict.evidence else None
    newest = facts.newest if facts else None
    return PlacementExplanation(
        cluster=cluster,
        verdict=verdict,
        rule=ASSESSMENT_RULES[verdict.row],
        conditions=tuple(format_condition(condition) for condition in facts.conditions.values()) if facts else (),
        installed={key: str(value)[:MAX_WORDS] for key, value in (newest or {}).items()},
        flux=_flux(lock.flux_namespace, package.object_name, cluster, clusters),
    )


def _flux(namespace: str, application: str, cluster: str, clusters: ClusterView) -> dict[str, str]:
    try:
        sources = clusters.flux_sources(cluster, namespace, application)
    except ReconcilerError as error:
        return {"cannot be queried": error.message}
    return {name: summarize(source) for name, source in sources.items()}


def _dependencies(
    lock: EnvironmentLock, package: Package, verdicts: Mapping[tuple[str, str], Verdict]
) -> Iterable[tuple[int, str, str, Verdict]]:
    """The verdicts of all direct and indirect dependencies, breadth first, each once on each of the Application's clusters."""
    packages = {locked.application: locked for locked in lock.packages}
    level, depth, seen = [package.application], 0, {package.application}
    while level:
        depth += 1
        dependencies = sorted({name for parent in level for name in packages[parent].depends_on if name in packages} - seen)
        seen.update(dependencies)
        for name in dependencies:
            for cluster in package.placements:
                if (name, cluster) in verdicts:
                    yield depth, name, cluster, verdicts[name, cluster]
        level = dependencies
