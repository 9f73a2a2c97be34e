"""From verdicts to the status of an Environment: its conditions, and one line for the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from reconciler.decide.helmrelease import text
from reconciler.decide.standing import Standing
from reconciler.model.faults import kind_of
from reconciler.model.status import (
    ApplicationStatus,
    Condition,
    EnvironmentStatus,
    Evidence,
    PlacementStatus,
    ProblemLine,
    ReadyEvidence,
    StatusMetadata,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.decide.readiness import Evidence as Found
    from reconciler.decide.readiness import Verdict
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.problem import Problem
    from reconciler.model.status import State, Truth

MAX_PROBLEMS: Final = 50
MAX_EVIDENCE: Final = 128
MAX_LOST: Final = 8
# From the most to the least urgent: what an Application's state is when its placements differ.
_URGENCY: Final[tuple[State, ...]] = (
    "Failed", "Degraded", "Unknown", "Paused", "PendingApproval", "Installing", "Updating", "Running",
)  # fmt: skip
_PROGRESS: Final = frozenset({"Installing", "Updating"})

Verdicts = Mapping[tuple[str, str], "Verdict"]
Stage = Literal["Valid", "Admitted", "Resolved", "Trusted", "Committed"]
STANDS: Final = Standing()
_STAGES: Final[tuple[Stage, ...]] = ("Valid", "Resolved", "Trusted", "Committed")
NO_POLICY: Final = Condition(type="Admitted", status="True", reason="NoPolicy", message="no EnvironmentPolicy applies")


@dataclass(frozen=True)
class Hitch:
    """Where a pass over `main`'s head ended before its end.

    Attributes:
        stage: the condition that does not hold, or of which it is not known whether it does; `Trusted` when what is resolved
            from this very commit lost its trust; `Admitted` when it is held by an EnvironmentPolicy.
        refused: True when the commit itself is at fault; False when something outside kept it from being judged.
        reason: a stable word.
        message: for people.
        problems: the commit's problems, when it is refused.
    """

    stage: Stage
    refused: bool
    reason: str
    message: str
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether something outside failed, and is asked again at ever longer intervals."""
        return not self.refused and self.stage != "Admitted"


def report(
    name: str,
    main: str,
    resolved: str | None,
    lock: EnvironmentLock | None,
    verdicts: Verdicts,
    hitch: Hitch | None,
    standing: Standing = STANDS,
    admitted: Condition = NO_POLICY,
) -> EnvironmentStatus:
    """Put together the status.

    Args:
        name: the Environment's.
        main: the commit of `main` that was looked at.
        resolved: the commit of `resolved` whose lock this is; None when there is none yet.
        lock: the last good lock.
        verdicts: by Application and cluster, one for each placement in the lock.
        hitch: why `main`'s head is not what is resolved, if so.
        standing: whether what is locked is still trusted.
        admitted: what EnvironmentPolicies say of that commit.
    """
    settled = name_blockers(verdicts)
    applications = [_application(package, settled) for package in (lock.packages if lock else [])]
    problems = hitch.problems[:MAX_PROBLEMS] if hitch else ()
    return EnvironmentStatus(
        metadata=StatusMetadata(name=name),
        input=main,
        resolved=resolved,
        refused=main if hitch and hitch.refused and hitch.stage != "Trusted" else None,
        problems=[ProblemLine(place=p.place, message=f"{p.message}; {p.hint}" if p.hint else p.message) for p in problems],
        conditions=[*_commit_conditions(lock, hitch, standing, admitted), _ready(applications, settled)],
        applications=applications,
    )


def subject(status: EnvironmentStatus) -> str:
    """The commit subject of a status: `acme-prod: Progressing 9/12 (waiting: cnpg)`."""
    ready = status.condition("Ready")
    total = len(status.applications)
    good = sum(1 for a in status.applications if a.ready == "True")
    if ready.status == "True":
        summary = f"Ready {good}/{total}"
    elif ready.status == "Unknown":
        summary = f"Unknown ({ready.reason})"
    else:
        summary = f"{ready.reason} {good}/{total} ({_cause(status)})"
    name = status.metadata.name
    if status.refused:
        first = status.problems[0].place if status.problems else ""
        at = f" ({first})" if first else ""
        return f"{name}: Refused {status.refused[:10]}{at}, still {summary}"
    stuck = next((c for c in status.conditions if c.type != "Ready" and c.status != "True" and c.reason != "NotReached"), None)
    return f"{name}: {summary}" if stuck is None or not total else f"{name}: {summary}, {stuck.reason}"


def _commit_conditions(
    lock: EnvironmentLock | None, hitch: Hitch | None, standing: Standing, admitted: Condition
) -> Iterable[Condition]:
    """Valid, Admitted, Resolved, Trusted, Committed: up to the hitch they hold, after it nothing is known of this commit.

    One that is held comes to something: all is known of it but when it is committed.
    """
    held = hitch is not None and hitch.stage == "Admitted"
    hitch = None if held else hitch
    good = {
        "Valid": ("Validated", "all documents are valid"),
        "Resolved": ("Resolved", f"{len(lock.packages) if lock else 0} packages are pinned by digest"),
        "Trusted": ("Verified", "every package is trusted as the policies ask; the evidence is in the lock"),
        "Committed": ("Committed", "the resolved branch holds the result"),
    }
    if held:
        good["Resolved"] = ("Resolved", "what this commit asks for is pinned by digest")
        good["Trusted"] = ("Verified", "every package is trusted as the policies ask")
    reached = _STAGES.index(hitch.stage) if hitch and hitch.stage != "Trusted" else len(_STAGES)
    for index, stage in enumerate(_STAGES):
        if stage == "Trusted" and (condition := _trust(standing)) is not None:
            yield condition
        elif stage == "Trusted" and hitch and hitch.stage == "Trusted":
            yield Condition(
                type=stage, status="False", reason=hitch.reason, message=f"{hitch.message}; what runs is left running"
            )
        elif hitch and index == reached:
            yield Condition(
                type=stage, status="False" if hitch.refused else "Unknown", reason=hitch.reason, message=hitch.message
            )
        elif stage == "Trusted" and hitch and any(p.code == "Untrusted" for p in hitch.problems):
            yield Condition(type=stage, status="False", reason="Untrusted", message=hitch.message)
        elif index > reached:
            yield Condition(
                type=stage,
                status="Unknown",
                reason="NotReached",
                message=f"not looked at: {_STAGES[reached]} comes first",
            )
        elif stage == "Committed" and held:
            yield Condition(type=stage, status="False", reason="Held", message="what was admitted before stays: see Admitted")
        else:
            reason, message = good[stage]
            yield Condition(type=stage, status="True", reason=reason, message=message)
        if stage == "Valid":
            yield _admission(hitch, admitted)


def _admission(hitch: Hitch | None, admitted: Condition) -> Condition:
    """`Admitted`; of a commit that comes to nothing, it is not asked."""
    if hitch is None or hitch.stage in {"Trusted", "Committed"} or admitted.reason == "PolicyBroken":
        return admitted
    message = f"not looked at: {hitch.stage} comes first"
    return Condition(type="Admitted", status="Unknown", reason="NotReached", message=message)


def _trust(standing: Standing) -> Condition | None:
    """What is to be said of what is locked; None when all of it is still trusted."""
    if standing.lost:
        message = f"{_listed(standing.lost)}; what runs is left running"
        return Condition(type="Trusted", status="False", reason="Untrusted", message=message)
    if standing.unclear:
        return Condition(type="Trusted", status="Unknown", reason="Damaged", message=_listed(standing.unclear))
    if standing.fault is not None:
        kind = kind_of(standing.fault)
        return Condition(type="Trusted", status="Unknown", reason=kind, message=f"cannot be checked again: {standing.fault}")
    return None


def _listed(words: tuple[str, ...]) -> str:
    more = f"; and {len(words) - MAX_LOST} more" if len(words) > MAX_LOST else ""
    return f"{'; '.join(words[:MAX_LOST])}{more}"


def name_blockers(verdicts: Verdicts) -> Verdicts:
    """Say of every victim of a dependency chain which Application at its root it waits for."""
    settled = dict(verdicts)
    for (name, cluster), verdict in verdicts.items():
        if not verdict.waiting_for:
            continue
        root, seen = verdict.waiting_for[0], {name}
        while root not in seen and (one := verdicts.get((root, cluster))) is not None and one.waiting_for:
            seen.add(root)
            root = one.waiting_for[0]
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


def _evidence(found: Found) -> Evidence:
    """A verdict's evidence as the status shows it."""
    facts = found.facts
    if facts is None:
        return Evidence(helm_release=found.release, entry=found.entry)
    ready, newest = facts.conditions.get("Ready"), facts.newest or {}
    generation = ready.get("observedGeneration") if ready else None
    return Evidence(
        helm_release=found.release,
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
        entry=found.entry,
    )


def _short(part: Mapping[str, object], key: str) -> str:
    """A string of the cluster's, bounded: whoever writes the object decides how long it is."""
    return text(part, key)[:MAX_EVIDENCE]


def _all(answers: Iterable[Truth]) -> Truth:
    """True only when there is an answer and every one is True."""
    counted = Counter(answers)
    if counted["False"]:
        return "False"
    return "True" if counted["True"] and not counted["Unknown"] else "Unknown"


def _ready(applications: list[ApplicationStatus], verdicts: Verdicts) -> Condition:
    if not applications:
        message = "there is no Application to observe; an Environment without one is never Ready"
        return Condition(type="Ready", status="Unknown", reason="NothingObserved", message=message)
    answer = _all(a.ready for a in applications)
    good = sum(1 for a in applications if a.ready == "True")
    message = f"{good} of {len(applications)} Applications are ready on all their placements"
    if answer == "True":
        return Condition(type="Ready", status="True", reason="AllReady", message=message)
    unready = [a for a in applications if a.ready != "True"]
    if answer == "Unknown":
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
    """The one thing to look at first: the Application others wait for, or else the most urgent one."""
    unready = [(a, p) for a in status.applications for p in a.placements if p.ready == "False"]
    own = [(a, p) for a, p in unready if p.reason != "DependencyNotReady"] or unready
    application, placement = min(own, key=lambda one: (_URGENCY.index(one[1].state), one[0].name))
    if placement.state in _PROGRESS:
        return f"waiting: {application.name}"
    return f"{application.name}: {placement.reason}"
