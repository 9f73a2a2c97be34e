"""The one place where anything becomes ready.

`assess` is the table of readiness.md, row by row: the first that applies decides, and only the last gives True. Ready is a
conclusion drawn from a HelmRelease that was observed; never a default, a time-out, a count, an empty list or an old answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.decide.render import ENTRY_ANNOTATION, MANAGED_BY
from reconciler.model.status import Evidence, ReadyEvidence

if TYPE_CHECKING:
    from reconciler.model.observation import Observation
    from reconciler.model.status import State, Truth

MAX_MESSAGE: Final = 600

# What to do about a cluster that cannot be looked at, by reason.
_REMEDIES: Final = {
    "KubeconfigMissing": "put its kubeconfig where the reconciler's `clusters.directory` says; it is picked up by itself",
    "WatchFailed": "check that the kubeconfig is whole and its API server can be reached",
    "AccessDenied": "renew the kubeconfig's credentials, or let them list and watch HelmReleases",
    "FluxMissing": "install Flux (the HelmRelease API, helm.toolkit.fluxcd.io/v2) on the cluster",
}
# helm-controller's reasons for which an install or an upgrade itself failed, rather than something around it.
_FAILED_REASONS: Final = frozenset({"InstallFailed", "UpgradeFailed", "RollbackFailed", "UninstallFailed", "ArtifactFailed"})
_STATUSES: Final = frozenset({"True", "False", "Unknown"})
_SETTLING: Final = frozenset({"Installing", "Updating"})


@dataclass(frozen=True)
class Entry:
    """What a cluster is to run of one package, and the limits within which to judge it.

    Attributes:
        application: the HelmRelease's name.
        cluster: where.
        namespace: the HelmRelease's namespace.
        version: the Blueprint's, which is the chart's.
        digest: the artifact's manifest digest.
        entry: the lock's digest over all that is to run.
        was_there: a HelmRelease with this entry was observed before.
        committed: when the resolved commit was made, seconds since the epoch.
        stale_after: seconds after which an observation no longer counts.
        progress_deadline: seconds from the commit after which "still going on" is a failure.
    """

    application: str
    cluster: str
    namespace: str
    version: str
    digest: str
    entry: str
    was_there: bool = False
    committed: float = 0.0
    stale_after: float = 60.0
    progress_deadline: float = 900.0


@dataclass(frozen=True)
class Verdict:
    """An answer and all it rests on. `waiting_for` names Applications that this one waits for, if Flux said so."""

    ready: Truth
    state: State
    reason: str
    message: str
    evidence: Evidence | None = None
    waiting_for: tuple[str, ...] = ()


def assess(entry: Entry, observation: Observation, now: float) -> Verdict:
    """Judge one package on one cluster.

    Args:
        entry: what is to run.
        observation: what was seen.
        now: seconds since the epoch, for the progress deadline alone.

    Returns:
        The verdict of the first row of readiness.md that applies.
    """
    verdict = _unseen(entry, observation)
    if verdict is None:
        release = observation.release
        verdict = _absent(entry) if release is None else _present(entry, release)
    late = entry.committed and now - entry.committed > entry.progress_deadline
    if late and verdict.ready == "False" and verdict.state in _SETTLING:
        message = (
            f"not ready {entry.progress_deadline:.0f} s after the resolved commit; still {verdict.reason}: {verdict.message}"
        )
        verdict = replace(verdict, state="Failed", reason="ProgressDeadlineExceeded", message=message)
    return replace(verdict, message=_bounded(verdict.message))


def _unseen(entry: Entry, observation: Observation) -> Verdict | None:
    failure = observation.failure
    if failure is not None:  # rows 1 to 4
        remedy = _REMEDIES[failure.reason]
        return Verdict("Unknown", "Unknown", failure.reason, f"{failure.message}; {remedy}")
    if not observation.listed:  # row 5
        return Verdict("Unknown", "Unknown", "NotObserved", f"the HelmReleases on {entry.cluster} have not been listed yet")
    if observation.age > entry.stale_after:  # row 6
        message = (
            f"{entry.cluster} has not answered for more than {entry.stale_after:.0f} s; what was seen before no longer counts"
        )
        return Verdict("Unknown", "Unknown", "ObservationStale", message)
    return None


def _absent(entry: Entry) -> Verdict:
    where = f"the HelmRelease {entry.namespace}/{entry.application} is not on {entry.cluster}"
    if not entry.was_there:  # row 7
        return Verdict("False", "Installing", "AwaitingApply", f"{where}; Flux has not applied the resolved commit yet")
    # Row 8. The evidence keeps the entry, so that the status itself remembers that it was there.
    remembered = Evidence(helm_release=f"{entry.namespace}/{entry.application}", entry=entry.entry)
    message = f"{where}, but it was: somebody removed it; Flux brings it back when it next looks"
    return Verdict("False", "Degraded", "Removed", message, evidence=remembered)


def _present(entry: Entry, release: Mapping[str, Any]) -> Verdict:
    evidence = _evidence(entry, release)
    verdict = _not_ours(entry, release) or _not_current(release) or _by_conditions(entry, release) or _by_history(entry, release)
    if verdict is None:  # row 27
        ready = _conditions(release)["Ready"]
        verdict = Verdict("True", "Running", _text(ready, "reason") or "Ready", _text(ready, "message"))
    return replace(verdict, evidence=evidence)


def _not_ours(entry: Entry, release: Mapping[str, Any]) -> Verdict | None:
    metadata, spec = _map(release, "metadata"), _map(release, "spec")
    labels, annotations = _map(metadata, "labels"), _map(metadata, "annotations")
    if any(labels.get(k) != v for k, v in MANAGED_BY.items()) or ENTRY_ANNOTATION not in annotations:  # row 9
        message = (
            f"a HelmRelease {entry.namespace}/{entry.application} exists that the reconciler did not write; rename or remove it"
        )
        return Verdict("False", "Failed", "NotOwned", message)
    if metadata.get("deletionTimestamp"):  # row 10
        return Verdict("False", "Degraded", "Terminating", "the HelmRelease is being deleted")
    if spec.get("suspend") is True:  # row 11
        return Verdict(
            "False", "Paused", "Suspended", "the HelmRelease is suspended: Flux does nothing for it until it is resumed"
        )
    if annotations[ENTRY_ANNOTATION] != entry.entry:  # row 12
        message = "Flux has not applied the resolved commit yet: the HelmRelease on the cluster is of an earlier one"
        return Verdict("False", "Updating", "AwaitingApply", message)
    return None


def _not_current(release: Mapping[str, Any]) -> Verdict | None:
    generation, status = _map(release, "metadata").get("generation"), _map(release, "status")
    observed = status.get("observedGeneration")
    if observed is None or observed != generation:  # row 13
        message = f"helm-controller has acted on generation {observed}, the object is at {generation}"
        return Verdict("False", "Updating", "NotReconciled", message)
    conditions = status.get("conditions") or []
    sound = [_text(c, "type") for c in conditions if isinstance(c, Mapping) and _text(c, "status") in _STATUSES]
    if "" in sound or len(set(sound)) != len(conditions):  # row 14
        return Verdict(
            "False",
            "Unknown",
            "MalformedStatus",
            "the HelmRelease's conditions contradict each other or are not conditions",
        )
    return None


def _by_conditions(entry: Entry, release: Mapping[str, Any]) -> Verdict | None:
    conditions = _conditions(release)
    generation = _map(release, "metadata").get("generation")
    ready = conditions.get("Ready")
    fresh: State = "Updating" if _history(release) else "Installing"
    stalled = conditions.get("Stalled")
    if stalled is not None and stalled["status"] == "True":  # row 15
        return Verdict("False", "Failed", _text(stalled, "reason") or "Stalled", _with_cause(stalled, conditions))
    if ready is None:  # row 16
        return Verdict("False", "Installing", "NoReadyCondition", "helm-controller has not said yet whether it is ready")
    if ready.get("observedGeneration") not in {None, generation}:  # row 17
        message = f"its Ready condition is of generation {ready['observedGeneration']}, the object is at {generation}"
        return Verdict("False", "Updating", "StaleCondition", message)
    if ready["status"] == "False":
        return _not_ready(entry, ready, conditions)
    if ready["status"] == "Unknown":  # row 20
        return Verdict("False", fresh, _text(ready, "reason") or "Progressing", _text(ready, "message"))
    if conditions.get("Reconciling", {}).get("status") == "True":  # row 21
        return Verdict("False", "Updating", "Reconciling", _text(conditions["Reconciling"], "message"))
    for kind, bad in (("Released", "False"), ("TestSuccess", "False"), ("Remediated", "True"), ("Drifted", "True")):
        condition = conditions.get(kind)
        if condition is not None and condition["status"] == bad:  # row 22
            return Verdict("False", "Degraded", _text(condition, "reason") or kind, _text(condition, "message"))
    return None


def _with_cause(stalled: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> str:
    """What Stalled says ("failed after 4 attempts"), and what Helm said of the last of them, which is what people need."""
    messages = [_text(stalled, "message")]
    for kind in ("Released", "Ready"):
        condition = conditions.get(kind, {})
        text = _text(condition, "message")
        if condition.get("status") == "False" and text and text not in messages:
            messages.append(text)
            break
    return ": ".join(messages)


def _not_ready(entry: Entry, ready: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> Verdict:
    reason, message = _text(ready, "reason") or "NotReady", _text(ready, "message")
    if reason == "DependencyNotReady":  # row 18; the root blocker is named once the Environment is seen whole
        blocker = _dependency(message, entry.namespace)
        return Verdict("False", "Installing", reason, message, waiting_for=(blocker,) if blocker else ())
    released = conditions.get("Released", {})  # row 19
    failed = reason in _FAILED_REASONS or (released.get("status") == "False" and released.get("reason") in _FAILED_REASONS)
    return Verdict("False", "Failed" if failed else "Degraded", reason, message)


def _by_history(entry: Entry, release: Mapping[str, Any]) -> Verdict | None:
    status, history = _map(release, "status"), _history(release)
    if not history or history[0].get("status") != "deployed":  # row 23
        word = history[0].get("status") if history else "absent"
        return Verdict("False", "Installing", "NotDeployed", f"the newest Helm release is {word}, not deployed")
    latest = history[0]
    if latest.get("ociDigest") != entry.digest:  # row 24
        message = f"what is installed is the artifact {latest.get('ociDigest')}, the lock says {entry.digest}"
        return Verdict("False", "Updating", "WrongArtifact", message)
    installed = str(latest.get("chartVersion", "")).partition("+")[0]
    if installed != entry.version.partition("+")[0]:  # row 25
        return Verdict("False", "Updating", "WrongVersion", f"version {installed} is installed, the lock says {entry.version}")
    attempted = status.get("lastAttemptedConfigDigest")
    if attempted is None or attempted != latest.get("configDigest"):  # row 26
        return Verdict("False", "Updating", "ConfigPending", "the newest values have not been installed yet")
    return None


def _dependency(message: str, namespace: str) -> str:
    """The Application that Flux waits for: its message reads `dependency 'namespace/name' is not ready`."""
    before, _, rest = message.partition(f"'{namespace}/")
    name = rest.partition("'")[0]
    return name if before and name else ""


def _conditions(release: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {c["type"]: c for c in _map(release, "status").get("conditions") or []}


def _history(release: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [h for h in _map(release, "status").get("history") or [] if isinstance(h, Mapping)]


def _evidence(entry: Entry, release: Mapping[str, Any]) -> Evidence:
    metadata = _map(release, "metadata")
    conditions = [c for c in _map(release, "status").get("conditions") or [] if isinstance(c, Mapping)]
    ready = next((c for c in conditions if c.get("type") == "Ready"), None)
    history = _history(release)
    return Evidence(
        helm_release=f"{entry.namespace}/{entry.application}",
        uid=metadata.get("uid"),
        generation=metadata.get("generation"),
        ready=ReadyEvidence(
            status=_text(ready, "status"),
            reason=_text(ready, "reason"),
            observed_generation=ready.get("observedGeneration"),
            last_transition_time=_text(ready, "lastTransitionTime"),
        )
        if ready is not None
        else None,
        chart_version=history[0].get("chartVersion") if history else None,
        oci_digest=history[0].get("ociDigest") if history else None,
        entry=_map(metadata, "annotations").get(ENTRY_ANNOTATION),
    )


def _map(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(condition: Mapping[str, Any], key: str) -> str:
    value = condition.get(key)
    return value if isinstance(value, str) else ""


def _bounded(message: str) -> str:
    """Text from a cluster as a file may hold it: one line, printable, of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 3] + "..."
