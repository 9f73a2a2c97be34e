"""Assesses whether a package is ready on a cluster: the only place where anything becomes ready.

`assess` implements the readiness rules, row by row: the first row that applies decides, and only the last gives True. Ready is
concluded from an observed HelmRelease; never from a default, a time-out, a count, an empty list or an outdated observation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.readiness.helm_release import FluxCondition, HelmReleaseFacts, read_helm_release, text_field
from reconciler.model.flux import HELM_GROUP, HELM_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.observation import Observation
    from reconciler.model.status import State, Truth

MAX_MESSAGE: Final = 600
MAX_REASON: Final = 100
_DIGEST_IN_VERSION: Final = 12  # characters of an artifact's digest that helm-controller appends to a chart's version

# Rows 1 to 4: the fix for a cluster that cannot be observed.
_REMEDIES: Final = {
    "KubeconfigMissing": (1, "put its kubeconfig into the reconciler's `clusters.directory`; it is read without a restart"),
    "WatchFailed": (2, "check that the kubeconfig is complete and its API server can be reached"),
    "AccessDenied": (3, "renew the kubeconfig's credentials, or let them list and watch HelmReleases"),
    "FluxMissing": (4, f"install Flux (the HelmRelease API, {HELM_GROUP}/{HELM_VERSION}) on the cluster"),
}
UNOBSERVED_REASONS: Final = frozenset({*_REMEDIES, "NotObserved", "ObservationStale"})
"""The reasons of rows 1 to 6: nothing is known of a cluster now."""
# helm-controller's reasons that mean that the install or upgrade itself failed, and not one of its inputs.
_FAILED_REASONS: Final = frozenset({"InstallFailed", "UpgradeFailed", "RollbackFailed", "UninstallFailed", "ArtifactFailed"})
# Reasons of row 19 that helm-controller reports in the first seconds of every release: not a failure yet.
_NOT_YET: Final = frozenset({"SourceNotReady", "ArtifactNotReady"})
# Row 22: conditions and the status in which each contradicts Ready=True.
_AGAINST: Final = (("Released", "False"), ("TestSuccess", "False"), ("Remediated", "True"), ("Drifted", "True"))
# The rows of the readiness rules, in the order in which they are tried: what was observed. Numbers are never given anew.
ASSESSMENT_RULES: Final = {
    28: "the lock is of a head of `resolved` that the reconciler did not write",
    1: "no kubeconfig for the placement",
    2: "the kubeconfig cannot be used, or the watch could not start",
    3: "the API server denies access",
    4: "the HelmRelease API is absent",
    5: "the first list is not complete",
    6: "the last good observation is too old",
    29: "the object cannot be read",
    7: "the object is absent, and was never applied at this entry",
    8: "the object is absent, and was observed before",
    30: "the object also stands for another placement",
    9: "the object was not written by the reconciler",
    10: "the object is being deleted",
    11: "the object is suspended",
    12: "the object's entry is not the lock's",
    31: "the object is not as the resolved commit has it",
    14: "the conditions are malformed",
    15: "the object is stalled",
    16: "there is no Ready condition",
    17: "the Ready condition is of another generation",
    18: "Ready=False: a dependency is not ready",
    19: "Ready=False",
    20: "Ready=Unknown",
    13: "the generation was not reconciled",
    21: "Ready=True, but reconciling",
    22: "Ready=True, but another condition contradicts it",
    23: "the newest Helm release is not deployed",
    24: "the installed artifact is not the lock's",
    25: "the installed version is not the lock's",
    26: "the installed values are not the newest",
    27: "no other row applies: everything observed is as locked",
}
_SETTLING: Final = frozenset({"Installing", "Updating"})


@dataclass(frozen=True)
class ExpectedRelease:
    """The release that a cluster is expected to run for one package, and the time limits of its assessment.

    Attributes:
        application: the Application's name.
        release: the HelmRelease's name.
        cluster: the cluster's name.
        namespace: the HelmRelease's namespace.
        version: the Blueprint's version, which is also the chart's.
        digest: the artifact's manifest digest.
        entry: the lock's digest over all that the package runs.
        release_digest: digest of the HelmRelease in the file of the resolved commit (`model.canonical.release_digest`); None when
            that has no such file, or none that can be read.
        is_foreign: the lock is of a head of `resolved` that the reconciler did not write.
        was_there: a HelmRelease with this entry was observed before.
        committed: time of the resolved commit, seconds since the epoch; 0 when no deadline applies.
        stale_after: seconds after which an observation no longer counts.
        progress_deadline: seconds from the commit after which a release still in progress is a failure.
    """

    application: str
    release: str
    cluster: str
    namespace: str
    version: str
    digest: str
    entry: str
    release_digest: str | None
    is_foreign: bool = False
    was_there: bool = False
    committed: float = 0.0
    stale_after: float = 60.0
    progress_deadline: float = 900.0


@dataclass(frozen=True, slots=True)
class ObservedRelease:
    """The observation a verdict rests on: a HelmRelease's name and facts; `facts` is None when it was absent.

    `entry` is the entry observed on the cluster: now, or earlier for a HelmRelease that was removed since.
    """

    release: str
    entry: str | None
    facts: HelmReleaseFacts | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an assessment, with the evidence it rests on.

    Attributes:
        ready: whether the package is ready; True only from row 27.
        state: the state shown to people.
        reason: a stable identifier for programs.
        message: the cause, and the fix.
        row: the row that decided.
        evidence: the observed release; None when nothing was observed.
        waiting_for: the Applications that this one waits for, as Flux reports them.
    """

    ready: Truth
    state: State
    reason: str
    message: str
    row: int
    evidence: ObservedRelease | None = None
    waiting_for: tuple[str, ...] = ()


def assess(entry: ExpectedRelease, observation: Observation, now: float) -> Verdict:
    """Assesses one package on one cluster.

    Args:
        entry: the expected release.
        observation: the observed one.
        now: seconds since the epoch, for the progress deadline alone.

    Returns:
        The verdict of the first row that applies.
    """
    verdict, evidence = _first_matching_row(entry, observation)
    state, reason, message = verdict.state, verdict.reason, verdict.message
    late = entry.committed and now - entry.committed > entry.progress_deadline
    if late and verdict.ready == "False" and state in _SETTLING:
        message = f"not ready {entry.progress_deadline:.0f} s after the resolved commit; still {reason}: {message}"
        state, reason = "Failed", "ProgressDeadlineExceeded"
    return Verdict(
        verdict.ready,
        state,
        bounded(reason, MAX_REASON),
        bounded(message, MAX_MESSAGE),
        verdict.row,
        evidence,
        verdict.waiting_for,
    )


def _first_matching_row(entry: ExpectedRelease, observation: Observation) -> tuple[Verdict, ObservedRelease | None]:
    unseen = _unseen(entry, observation)
    if unseen is not None:
        return unseen, None
    name = f"{entry.namespace}/{entry.release}"
    if observation.unreadable:  # row 29
        message = f"the HelmRelease {name} on {entry.cluster} cannot be read: {observation.unreadable}; see who wrote it"
        return Verdict("Unknown", "Unknown", "Unreadable", message, 29), None
    if observation.release is None:
        # The status branch records earlier observations, by the entry in the evidence.
        return _absent(entry, name), ObservedRelease(name, entry.entry) if entry.was_there else None
    facts = read_helm_release(observation.release)
    if observation.shared_with:  # row 30
        message = (
            f"the HelmRelease {name} on {entry.cluster} is the very object that {observation.shared_with} has: both kubeconfigs "
            "lead to one cluster; give each its own"
        )
        return Verdict("Unknown", "Unknown", "SharedObject", message, 30), ObservedRelease(name, facts.entry, facts)
    verdict = _by_ownership(entry, facts, name) or _by_conditions(entry, facts, name) or _by_history(entry, facts)
    if verdict is None:  # row 27
        ready = facts.conditions["Ready"]
        verdict = Verdict("True", "Running", text_field(ready, "reason") or "Ready", text_field(ready, "message"), 27)
    return verdict, ObservedRelease(name, facts.entry, facts)


def _unseen(entry: ExpectedRelease, observation: Observation) -> Verdict | None:
    if entry.is_foreign:  # row 28
        message = "the reconciler did not write the head of `resolved`, so that what should run is not known; it is put back"
        return Verdict("Unknown", "Unknown", "ForeignLock", message, 28)
    return unobserved(entry.cluster, observation, entry.stale_after)


def unobserved(cluster: str, observation: Observation, stale_after: float) -> Verdict | None:
    """Returns rows 1 to 6: why nothing is known of a cluster now; None when a fresh and complete list of it is at hand."""
    failure = observation.failure
    if failure is not None:  # rows 1 to 4
        row, remedy = _REMEDIES[failure.reason]
        return Verdict("Unknown", "Unknown", failure.reason, f"{failure.message}; {remedy}", row)
    if not observation.listed:  # row 5
        message = f"the HelmReleases on {cluster} have not been listed yet; this follows within a minute"
        return Verdict("Unknown", "Unknown", "NotObserved", message, 5)
    if not observation.age <= stale_after:  # row 6, negated so that an age of NaN is not fresh
        message = (
            f"{cluster} has not responded for more than {stale_after:.0f} s; earlier observations no longer count; "
            "check that its API server can be reached"
        )
        return Verdict("Unknown", "Unknown", "ObservationStale", message, 6)
    return None


def _absent(entry: ExpectedRelease, name: str) -> Verdict:
    absence = f"the HelmRelease {name} is not on {entry.cluster}"
    if not entry.was_there:  # row 7
        message = f"{absence}; Flux has not applied the resolved commit yet"
        return Verdict("False", "Installing", "AwaitingApply", message, 7)
    message = f"{absence}, but was observed before: somebody removed it; Flux restores it at its next reconciliation"
    return Verdict("False", "Degraded", "Removed", message, 8)


def _by_ownership(entry: ExpectedRelease, facts: HelmReleaseFacts, name: str) -> Verdict | None:
    if not facts.ours:
        message = f"a HelmRelease {name} exists that the reconciler did not write; rename or remove it"
        return Verdict("False", "Failed", "NotOwned", message, 9)
    if facts.deleted:
        return Verdict(
            "False", "Degraded", "Terminating", f"the HelmRelease {name} is being deleted; wait for Helm to uninstall", 10
        )
    if facts.suspended:
        message = f"the HelmRelease {name} is suspended: Flux does nothing for it until it is resumed"
        return Verdict("False", "Paused", "Suspended", message, 11)
    if facts.entry != entry.entry:
        message = "Flux has not applied the resolved commit yet: the HelmRelease on the cluster is from another commit"
        return Verdict("False", "Updating", "AwaitingApply", message, 12)
    if facts.digest != entry.release_digest:  # row 31
        # Flux leaves fields of other field managers alone: a value or a setting added by hand stays until it is removed.
        message = (
            f"the HelmRelease {name} is not as the resolved commit has it: somebody changed its spec, or Flux's labels or "
            "annotations; remove what was added by hand, or push it to main"
            if entry.release_digest is not None
            else f"the resolved commit has no HelmRelease {name} that can be read; it is rendered again"
        )
        return Verdict("False", "Degraded", "NotAsResolved", message, 31)
    return None


def _by_conditions(entry: ExpectedRelease, facts: HelmReleaseFacts, name: str) -> Verdict | None:
    if not facts.well_formed:
        message = f"the conditions of the HelmRelease {name} are contradictory or malformed; check which other client writes them"
        return Verdict("False", "Unknown", "MalformedStatus", message, 14)
    conditions = facts.conditions
    ready, stalled = conditions.get("Ready"), conditions.get("Stalled")
    if stalled is not None and stalled["status"] == "True" and stalled.get("observedGeneration") in (None, facts.generation):
        return Verdict("False", "Failed", text_field(stalled, "reason") or "Stalled", _with_cause(stalled, conditions), 15)
    if ready is None:
        message = "helm-controller has not reported a Ready condition yet; wait for it"
        return Verdict("False", "Installing", "NoReadyCondition", message, 16)
    if ready.get("observedGeneration") not in (None, facts.generation):
        message = f"its Ready condition is of generation {ready['observedGeneration']}, the object is at {facts.generation}"
        return Verdict("False", "Updating", "StaleCondition", message, 17)
    if ready["status"] == "False":
        return _not_ready(entry, facts, ready)
    if ready["status"] == "Unknown":
        return Verdict(
            "False", _progress_state(facts), text_field(ready, "reason") or "Progressing", text_field(ready, "message"), 20
        )
    if stalled is not None and stalled["status"] == "True":
        # A stall of an older generation does not describe the current attempt, but still contradicts Ready=True.
        return Verdict("False", "Failed", text_field(stalled, "reason") or "Stalled", _with_cause(stalled, conditions), 15)
    return _by_generation(facts) or _contradicting_condition(conditions)


def _progress_state(facts: HelmReleaseFacts) -> State:
    return "Updating" if facts.newest is not None else "Installing"


def _by_generation(facts: HelmReleaseFacts) -> Verdict | None:
    """Row 13, which is checked after row 20.

    helm-controller updates the observed generation only when a reconciliation has ended. Until then rows 15 to 20, none of which
    is ready, describe a release in progress or a failing one more precisely.
    """
    if facts.observed is not None and facts.observed == facts.generation:
        return None
    message = f"helm-controller has acted on generation {facts.observed}, the object is at {facts.generation}; wait for it"
    return Verdict("False", "Updating", "NotReconciled", message, 13)


def _contradicting_condition(conditions: Mapping[str, FluxCondition]) -> Verdict | None:
    """Rows 21 and 22: conditions that contradict Ready=True."""
    reconciling = conditions.get("Reconciling")
    if reconciling is not None and reconciling["status"] == "True":
        return Verdict("False", "Updating", "Reconciling", text_field(reconciling, "message"), 21)
    for kind, contradiction in _AGAINST:
        condition = conditions.get(kind)
        if condition is not None and condition["status"] == contradiction:
            return Verdict("False", "Degraded", text_field(condition, "reason") or kind, text_field(condition, "message"), 22)
    return None


def _with_cause(summary: FluxCondition, conditions: Mapping[str, FluxCondition]) -> str:
    """The message of a condition ("failed after 4 attempts"), followed by Helm's message for the last attempt: the cause."""
    messages = [text_field(summary, "message")]
    for condition_type in ("Released", "Ready"):
        condition = conditions.get(condition_type, {})
        cause = text_field(condition, "message")
        if condition.get("status") == "False" and cause and cause not in messages:
            messages.append(cause)
            break
    return ": ".join(messages)


def _not_ready(entry: ExpectedRelease, facts: HelmReleaseFacts, ready: FluxCondition) -> Verdict:
    reason, message = text_field(ready, "reason") or "NotReady", text_field(ready, "message")
    if reason == "DependencyNotReady":  # the root of the chain is known only when all verdicts are: environment_status
        blocker = _dependency(message, entry.namespace)
        return Verdict("False", "Installing", reason, message, 18, waiting_for=(blocker,) if blocker else ())
    if reason in _NOT_YET:
        return Verdict("False", _progress_state(facts), reason, message, 19)
    released = facts.conditions.get("Released", {})
    failed = reason in _FAILED_REASONS or (
        released.get("status") == "False" and text_field(released, "reason") in _FAILED_REASONS
    )
    state: State = "Failed" if failed else "Degraded"
    return Verdict("False", state, reason, _with_cause(ready, facts.conditions), 19)


def _by_history(entry: ExpectedRelease, facts: HelmReleaseFacts) -> Verdict | None:
    newest = facts.newest
    if newest is None or newest.get("status") != "deployed":
        status = newest.get("status") if newest else "absent"
        return Verdict(
            "False", "Installing", "NotDeployed", f"the newest Helm release is {status}, not deployed; wait for Helm", 23
        )
    if newest.get("ociDigest") != entry.digest and not _rolled_back_to(entry, facts, newest):
        message = f"the installed artifact is {newest.get('ociDigest')}, the lock pins {entry.digest}; Flux will install it"
        return Verdict("False", "Updating", "WrongArtifact", message, 24)
    installed = text_field(newest, "chartVersion").partition("+")[0]
    if installed != entry.version.partition("+")[0]:
        message = f"version {installed} is installed, the lock pins {entry.version}; Flux will install it"
        return Verdict("False", "Updating", "WrongVersion", message, 25)
    if facts.last_attempted_config is None or facts.last_attempted_config != newest.get("configDigest"):
        return Verdict("False", "Updating", "ConfigPending", "the newest values have not been installed yet; wait for Helm", 26)
    return None


def _rolled_back_to(entry: ExpectedRelease, facts: HelmReleaseFacts, newest: Mapping[str, Any]) -> bool:
    """Whether the newest release is the lock's artifact although it has no artifact digest.

    Helm's roll-back writes a release without that digest. In its place three facts count: the release's chart is the one last
    attempted, that attempt was of the lock's artifact, and the chart's version has the beginning of its digest as build metadata.
    """
    chart = text_field(newest, "chartVersion")
    return (
        newest.get("ociDigest") is None
        and chart == facts.attempted_chart
        and facts.attempted_artifact == entry.digest
        and chart.partition("+")[2] == entry.digest.removeprefix("sha256:")[:_DIGEST_IN_VERSION]
    )


def _dependency(message: str, namespace: str) -> str:
    """Reads the Application that Flux waits for from its message: `dependency 'namespace/name' is not ready`."""
    before, _, rest = message.partition(f"'{namespace}/")
    name = rest.partition("'")[0]
    return name if before and name else ""


def bounded(text: str, limit: int) -> str:
    """Returns text from a cluster as one printable line of at most `limit` characters, fit for a file."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
