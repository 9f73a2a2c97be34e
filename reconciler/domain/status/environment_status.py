"""Builds the status of an Environment from the verdicts: its Applications, `Ready`, and the commit subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.domain.blocker import Refused, problems_of
from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.status.conditions import NO_POLICY, TRUSTED, conditions
from reconciler.model.status import (
    ApplicationStatus,
    Condition,
    EnvironmentStatus,
    ObservedEvidence,
    PlacementStatus,
    ProblemLine,
    ReadyEvidence,
    RemovalPlacement,
    RemovalStatus,
    StatusMetadata,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.blocker import Blocker
    from reconciler.domain.readiness.assessment import ObservedRelease, Verdict
    from reconciler.domain.readiness.removal import RemovalProgress
    from reconciler.domain.trust.lock_trust import LockTrust
    from reconciler.model.lock import EnvironmentLock, Package, ReleaseKey, Removal
    from reconciler.model.status import PolicyInForce, State, Truth

MAX_STATUS_PROBLEMS: Final = 50
MAX_EVIDENCE: Final = 128
# From the most to the least urgent: an Application has the most urgent state of its placements.
_URGENCY: Final[tuple[State, ...]] = (
    "Failed", "Degraded", "Unknown", "Paused", "PendingApproval", "Installing", "Updating", "Running",
)  # fmt: skip
_PROGRESS: Final = frozenset({"Installing", "Updating"})

NOTHING_REMOVED: Final[Mapping[ReleaseKey, RemovalProgress]] = {}

Verdicts = Mapping[tuple[str, str], "Verdict"]


def build_status(
    name: str,
    main: str,
    resolved: str | None,
    lock: EnvironmentLock | None,
    verdicts: Verdicts,
    blocker: Blocker | None,
    trust: LockTrust = TRUSTED,
    admitted: Condition = NO_POLICY,
    policies: Sequence[PolicyInForce] = (),
    removals: Mapping[ReleaseKey, RemovalProgress] = NOTHING_REMOVED,
) -> EnvironmentStatus:
    """Builds the status.

    Args:
        name: the Environment's name.
        main: the commit of `main` that was evaluated.
        resolved: the commit of `resolved` that the lock is from; None when there is none yet.
        lock: the last good lock.
        verdicts: by Application and cluster, one for each placement in the lock.
        blocker: why the head of `main` is not what is resolved.
        trust: whether the locked packages are still trusted.
        admitted: the result of the EnvironmentPolicies for that commit.
        policies: the policies in force.
        removals: how far each removal of the lock is, by HelmRelease.
    """
    settled = resolve_root_blockers(verdicts)
    applications = [_application(package, settled) for package in (lock.packages if lock else [])]
    problems = problems_of(blocker)[:MAX_STATUS_PROBLEMS]
    return EnvironmentStatus(
        metadata=StatusMetadata(name=name),
        input=main,
        resolved=resolved,
        refused=main if isinstance(blocker, Refused) and blocker.stage != "Trusted" else None,
        problems=[ProblemLine(place=p.place, message=f"{p.message}; {p.hint}" if p.hint else p.message) for p in problems],
        policies=list(policies),
        conditions=[*conditions(lock, blocker, trust, admitted), _ready(applications, settled)],
        applications=applications,
        removing=[_removal(removal, removals) for removal in (lock.removing if lock else [])],
    )


def status_subject(status: EnvironmentStatus) -> str:
    """Returns the commit subject of a status: `acme-prod: Progressing 9/12 (waiting: cnpg)`."""
    ready = status.condition("Ready")
    total = len(status.applications)
    ready_count = sum(1 for a in status.applications if a.ready == "True")
    if ready.status == "True":
        summary = f"Ready {ready_count}/{total}"
    elif ready.status == "Unknown":
        summary = f"Unknown ({ready.reason})"
    else:
        summary = f"{ready.reason} {ready_count}/{total} ({_cause(status)})"
    name = status.metadata.name
    if status.refused:
        place = status.problems[0].place if status.problems else ""
        at = f" ({place})" if place else ""
        return f"{name}: Refused {status.refused[:10]}{at}, still {summary}"
    stuck = next((c for c in status.conditions if c.type != "Ready" and c.status != "True" and c.reason != "NotReached"), None)
    return f"{name}: {summary}" if stuck is None or not total else f"{name}: {summary}, {stuck.reason}"


def resolve_root_blockers(verdicts: Verdicts) -> Verdicts:
    """Replaces, in the verdict of each Application that waits for others, the direct dependency by the root of the chain."""
    settled = dict(verdicts)
    for (name, cluster), verdict in verdicts.items():
        if not verdict.waiting_for:
            continue
        root, seen = verdict.waiting_for[0], {name}
        while root not in seen and (next_verdict := verdicts.get((root, cluster))) is not None and next_verdict.waiting_for:
            seen.add(root)
            root = next_verdict.waiting_for[0]
        blocker = verdicts.get((root, cluster))
        why = f" ({blocker.reason})" if blocker is not None else ""
        settled[name, cluster] = replace(verdict, message=f"waiting for {root}{why}", waiting_for=(root,))
    return settled


def _application(package: Package, verdicts: Verdicts) -> ApplicationStatus:
    placements = []
    for cluster in package.placements:
        verdict = verdicts[package.application, cluster]
        placements.append(
            PlacementStatus(
                cluster=cluster,
                ready=verdict.ready,
                state=verdict.state,
                reason=verdict.reason,
                message=verdict.message,
                waiting_for=list(verdict.waiting_for) or None,
                evidence=_evidence(verdict.evidence) if verdict.evidence else None,
            )
        )
    return ApplicationStatus(
        name=package.application,
        blueprint=package.blueprint,
        version=package.version,
        digest=package.digest,
        state=min((p.state for p in placements), key=_URGENCY.index, default="Unknown"),
        ready=_all(p.ready for p in placements),
        placements=placements,
    )


def _removal(removal: Removal, progress: Mapping[ReleaseKey, RemovalProgress]) -> RemovalStatus:
    return RemovalStatus(
        name=removal.application,
        blueprint=removal.blueprint,
        version=removal.version,
        placements=[
            RemovalPlacement(cluster=key[0], reason=progress[key].reason, message=progress[key].message)
            for key in sorted(removal.releases)
        ],
    )


def _evidence(observed: ObservedRelease) -> ObservedEvidence:
    """A verdict's evidence in the form of the status."""
    facts = observed.facts
    if facts is None:
        return ObservedEvidence(helm_release=observed.release, entry=observed.entry)
    ready, newest = facts.conditions.get("Ready"), facts.newest or {}
    generation = ready.get("observedGeneration") if ready else None
    return ObservedEvidence(
        helm_release=observed.release,
        uid=facts.uid,
        generation=facts.generation,
        ready=ReadyEvidence(
            status=_short(ready, "status"),
            reason=_short(ready, "reason"),
            observed_generation=generation if isinstance(generation, int) else None,
            last_transition_time=_short(ready, "lastTransitionTime"),
        )
        if ready
        else None,
        chart_version=_short(newest, "chartVersion") or None,
        oci_digest=_short(newest, "ociDigest") or None,
        entry=observed.entry,
    )


def _short(part: Mapping[str, object], key: str) -> str:
    """A string from the cluster, cut to MAX_EVIDENCE: whoever writes the object decides how long it is."""
    return text_field(part, key)[:MAX_EVIDENCE]


def _all(truths: Iterable[Truth]) -> Truth:
    """True only when there is a value and every value is True."""
    counts = Counter(truths)
    if counts["False"]:
        return "False"
    return "True" if counts["True"] and not counts["Unknown"] else "Unknown"


def _ready(applications: list[ApplicationStatus], verdicts: Verdicts) -> Condition:
    if not applications:
        message = "there is no Application to observe; an Environment without one is never Ready"
        return Condition(type="Ready", status="Unknown", reason="NothingObserved", message=message)
    ready = _all(a.ready for a in applications)
    ready_count = sum(1 for a in applications if a.ready == "True")
    message = f"{ready_count} of {len(applications)} Applications are ready on all their placements"
    if ready == "True":
        return Condition(type="Ready", status="True", reason="AllReady", message=message)
    unready = [a for a in applications if a.ready != "True"]
    if ready == "Unknown":
        first = next((p for a in unready for p in a.placements if p.ready != "True"), None)
        if first is None:
            return Condition(
                type="Ready", status="Unknown", reason="NothingObserved", message=f"{message}; some are placed nowhere"
            )
        return Condition(
            type="Ready", status="Unknown", reason=first.reason, message=f"{message}; {first.cluster}: {first.message}"
        )
    worst = min((a.state for a in unready if a.ready == "False"), key=_URGENCY.index)
    reason = "Progressing" if worst in _PROGRESS else worst
    roots = sorted({root for verdict in verdicts.values() for root in verdict.waiting_for})
    if roots:
        message += f"; waiting for {', '.join(roots[:5])}"
    return Condition(type="Ready", status="False", reason=reason, message=message)


def _cause(status: EnvironmentStatus) -> str:
    """Names the Application to examine first: one that others wait for, or else the most urgent one."""
    unready = [(a, p) for a in status.applications for p in a.placements if p.ready == "False"]
    causes = [(a, p) for a, p in unready if p.reason != "DependencyNotReady"] or unready
    application, placement = min(causes, key=lambda pair: (_URGENCY.index(pair[1].state), pair[0].name))
    if placement.state in _PROGRESS:
        return f"waiting: {application.name}"
    return f"{application.name}: {placement.reason}"
