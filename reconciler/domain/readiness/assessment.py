"""The one place where anything becomes ready.

`assess` is the table of readiness.md, row by row: the first that applies decides, and only the last gives True. Ready is a
conclusion drawn from a HelmRelease that was observed; never a default, a time-out, a count, an empty list or an old answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.readiness.helm_release import FluxCondition, HelmReleaseFacts, read_helm_release, text_field
from reconciler.model.canonical import release_spec_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.observation import Observation
    from reconciler.model.status import State, Truth

MAX_MESSAGE: Final = 600
MAX_REASON: Final = 100
_DIGEST_IN_VERSION: Final = 12  # how much of an artifact's digest helm-controller appends to a chart's version

# Rows 1 to 4: what to do about a cluster that cannot be looked at.
_REMEDIES: Final = {
    "KubeconfigMissing": (1, "put its kubeconfig where the reconciler's `clusters.directory` says; it is picked up by itself"),
    "WatchFailed": (2, "check that the kubeconfig is whole and its API server can be reached"),
    "AccessDenied": (3, "renew the kubeconfig's credentials, or let them list and watch HelmReleases"),
    "FluxMissing": (4, "install Flux (the HelmRelease API, helm.toolkit.fluxcd.io/v2) on the cluster"),
}
# helm-controller's reasons for which an install or an upgrade itself failed, rather than something around it.
_FAILED_REASONS: Final = frozenset({"InstallFailed", "UpgradeFailed", "RollbackFailed", "UninstallFailed", "ArtifactFailed"})
# Reasons of row 19 that helm-controller gives in the first seconds of every release: nothing is wrong yet.
_NOT_YET: Final = frozenset({"SourceNotReady", "ArtifactNotReady"})
# Row 22: a condition and the status in which it speaks against readiness, whatever Ready says.
_AGAINST: Final = (("Released", "False"), ("TestSuccess", "False"), ("Remediated", "True"), ("Drifted", "True"))
# readiness.md's rows, in its words: what was observed.
ASSESSMENT_RULES: Final = {
    1: "no kubeconfig for the placement",
    2: "the kubeconfig cannot be used, or the watch could not start",
    3: "the API server refuses us",
    4: "the HelmRelease API is absent",
    5: "the first list is not complete",
    6: "the last good observation is too old",
    7: "the object is absent, and was never applied at this entry",
    8: "the object is absent, and was there",
    9: "the object is not ours",
    10: "the object is being deleted",
    11: "the object is suspended",
    12: "the object's entry, or what its spec makes run, is not the lock's",
    13: "the generation was not acted on",
    14: "the conditions are malformed",
    15: "the object is stalled",
    16: "there is no Ready condition",
    17: "the Ready condition is of another generation",
    18: "Ready=False: a dependency is not ready",
    19: "Ready=False",
    20: "Ready=Unknown",
    21: "Ready=True, but reconciling",
    22: "Ready=True, but another condition speaks against it",
    23: "the newest Helm release is not deployed",
    24: "the artifact installed is not the lock's",
    25: "the version installed is not the lock's",
    26: "the values installed are not the newest",
    27: "none of the others: everything that was observed is as locked",
}
_SETTLING: Final = frozenset({"Installing", "Updating"})


NOTHING_RUNS: Final = release_spec_digest({})


@dataclass(frozen=True)
class ExpectedRelease:
    """What a cluster is to run of one package, and the limits within which to judge it.

    Attributes:
        application: the HelmRelease's name.
        cluster: where.
        namespace: the HelmRelease's namespace.
        version: the Blueprint's, which is the chart's.
        digest: the artifact's manifest digest.
        entry: the lock's digest over all that is to run.
        spec_digest: digest over what the HelmRelease's spec is to make run (`model.canonical.runs_of`); that of nothing by
            default.
        was_there: a HelmRelease with this entry was observed before.
        committed: when the resolved commit was made, seconds since the epoch; 0 when no deadline applies.
        stale_after: seconds after which an observation no longer counts.
        progress_deadline: seconds from the commit after which "still going on" is a failure.
    """

    application: str
    cluster: str
    namespace: str
    version: str
    digest: str
    entry: str
    spec_digest: str = NOTHING_RUNS
    was_there: bool = False
    committed: float = 0.0
    stale_after: float = 60.0
    progress_deadline: float = 900.0


@dataclass(frozen=True, slots=True)
class ObservedRelease:
    """What a verdict rests on: the facts of the HelmRelease, and whose they are; `facts` is None when it was absent.

    `entry` is the entry that was seen on the cluster, now or, for one that was removed, before.
    """

    release: str
    entry: str | None
    facts: HelmReleaseFacts | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer and all it rests on.

    Attributes:
        ready: the answer; True only from row 27.
        state: the word for people.
        reason: a stable word for programs.
        message: why, and what to do next.
        row: the row of readiness.md that decided.
        evidence: None when nothing was observed.
        waiting_for: the Applications that this one waits for, if Flux said so.
    """

    ready: Truth
    state: State
    reason: str
    message: str
    row: int
    evidence: ObservedRelease | None = None
    waiting_for: tuple[str, ...] = ()


def assess(entry: ExpectedRelease, observation: Observation, now: float) -> Verdict:
    """Judge one package on one cluster.

    Args:
        entry: what is to run.
        observation: what was seen.
        now: seconds since the epoch, for the progress deadline alone.

    Returns:
        The verdict of the first row of readiness.md that applies.
    """
    found, evidence = _first_matching_row(entry, observation)
    state, reason, message = found.state, found.reason, found.message
    late = entry.committed and now - entry.committed > entry.progress_deadline
    if late and found.ready == "False" and state in _SETTLING:
        message = f"not ready {entry.progress_deadline:.0f} s after the resolved commit; still {reason}: {message}"
        state, reason = "Failed", "ProgressDeadlineExceeded"
    return Verdict(
        found.ready, state, bounded(reason, MAX_REASON), bounded(message, MAX_MESSAGE), found.row, evidence, found.waiting_for
    )


def _first_matching_row(entry: ExpectedRelease, observation: Observation) -> tuple[Verdict, ObservedRelease | None]:
    unseen = _unseen(entry, observation)
    if unseen is not None:
        return unseen, None
    name = f"{entry.namespace}/{entry.application}"
    if observation.release is None:
        # What was there is remembered in the status itself, by the entry in the evidence.
        return _absent(entry, name), ObservedRelease(name, entry.entry) if entry.was_there else None
    facts = read_helm_release(observation.release)
    verdict = _by_ownership(entry, facts, name) or _by_conditions(entry, facts, name) or _by_history(entry, facts)
    if verdict is None:  # row 27
        ready = facts.conditions["Ready"]
        verdict = Verdict("True", "Running", text_field(ready, "reason") or "Ready", text_field(ready, "message"), 27)
    return verdict, ObservedRelease(name, facts.entry, facts)


def _unseen(entry: ExpectedRelease, observation: Observation) -> Verdict | None:
    failure = observation.failure
    if failure is not None:  # rows 1 to 4
        row, remedy = _REMEDIES[failure.reason]
        return Verdict("Unknown", "Unknown", failure.reason, f"{failure.message}; {remedy}", row)
    if not observation.listed:  # row 5
        message = f"the HelmReleases on {entry.cluster} have not been listed yet; this follows within a minute"
        return Verdict("Unknown", "Unknown", "NotObserved", message, 5)
    if not observation.age <= entry.stale_after:  # row 6, said so that an age that is no number is not fresh
        message = (
            f"{entry.cluster} has not answered for more than {entry.stale_after:.0f} s; what was seen before no longer counts; "
            "check that its API server can be reached"
        )
        return Verdict("Unknown", "Unknown", "ObservationStale", message, 6)
    return None


def _absent(entry: ExpectedRelease, name: str) -> Verdict:
    where = f"the HelmRelease {name} is not on {entry.cluster}"
    if not entry.was_there:  # row 7
        message = f"{where}; Flux has not applied the resolved commit yet"
        return Verdict("False", "Installing", "AwaitingApply", message, 7)
    message = f"{where}, but it was: somebody removed it; Flux brings it back when it next looks"
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
        message = "Flux has not applied the resolved commit yet: the HelmRelease on the cluster is of another one"
        return Verdict("False", "Updating", "AwaitingApply", message, 12)
    if facts.runs != entry.spec_digest:
        # Flux lets others' fields stand beside ours: a value or a valuesFrom that somebody added stays until it is removed.
        message = f"somebody changed what the HelmRelease {name} runs (values, chart or target): remove that, or push it to main"
        return Verdict("False", "Degraded", "NotAsResolved", message, 12)
    return None


def _by_conditions(entry: ExpectedRelease, facts: HelmReleaseFacts, name: str) -> Verdict | None:
    if not facts.well_formed:
        message = f"the conditions of the HelmRelease {name} contradict each other or are none; look at who else writes them"
        return Verdict("False", "Unknown", "MalformedStatus", message, 14)
    conditions = facts.conditions
    ready, stalled = conditions.get("Ready"), conditions.get("Stalled")
    if stalled is not None and stalled["status"] == "True" and stalled.get("observedGeneration") in (None, facts.generation):
        return Verdict("False", "Failed", text_field(stalled, "reason") or "Stalled", _with_cause(stalled, conditions), 15)
    if ready is None:
        message = "helm-controller has not said yet whether it is ready; wait for it"
        return Verdict("False", "Installing", "NoReadyCondition", message, 16)
    if ready.get("observedGeneration") not in (None, facts.generation):
        message = f"its Ready condition is of generation {ready['observedGeneration']}, the object is at {facts.generation}"
        return Verdict("False", "Updating", "StaleCondition", message, 17)
    if ready["status"] == "False":
        return _not_ready(entry, facts, ready)
    if ready["status"] == "Unknown":
        return Verdict("False", _going(facts), text_field(ready, "reason") or "Progressing", text_field(ready, "message"), 20)
    if (
        stalled is not None and stalled["status"] == "True"
    ):  # an older stall says nothing of what goes on, but speaks against ready
        return Verdict("False", "Failed", text_field(stalled, "reason") or "Stalled", _with_cause(stalled, conditions), 15)
    return _by_generation(facts) or _against(conditions)


def _going(facts: HelmReleaseFacts) -> State:
    return "Updating" if facts.newest is not None else "Installing"


def _by_generation(facts: HelmReleaseFacts) -> Verdict | None:
    """Row 13, which stands after row 20.

    helm-controller writes this generation only when a reconciliation has ended. Before it rows 15 to 20, none of which is ready,
    have more to say of a release that is on its way or fails on it.
    """
    if facts.observed is not None and facts.observed == facts.generation:
        return None
    message = f"helm-controller has acted on generation {facts.observed}, the object is at {facts.generation}; wait for it"
    return Verdict("False", "Updating", "NotReconciled", message, 13)


def _against(conditions: Mapping[str, FluxCondition]) -> Verdict | None:
    """Rows 21 and 22: what speaks against a Ready that is True."""
    reconciling = conditions.get("Reconciling")
    if reconciling is not None and reconciling["status"] == "True":
        return Verdict("False", "Updating", "Reconciling", text_field(reconciling, "message"), 21)
    for kind, bad in _AGAINST:
        condition = conditions.get(kind)
        if condition is not None and condition["status"] == bad:
            return Verdict("False", "Degraded", text_field(condition, "reason") or kind, text_field(condition, "message"), 22)
    return None


def _with_cause(said: FluxCondition, conditions: Mapping[str, FluxCondition]) -> str:
    """What a condition says ("failed after 4 attempts"), and what Helm said of the last of them, which is what people need."""
    messages = [text_field(said, "message")]
    for kind in ("Released", "Ready"):
        condition = conditions.get(kind, {})
        cause = text_field(condition, "message")
        if condition.get("status") == "False" and cause and cause not in messages:
            messages.append(cause)
            break
    return ": ".join(messages)


def _not_ready(entry: ExpectedRelease, facts: HelmReleaseFacts, ready: FluxCondition) -> Verdict:
    reason, message = text_field(ready, "reason") or "NotReady", text_field(ready, "message")
    if reason == "DependencyNotReady":  # the root blocker is named once the Environment is seen whole
        blocker = _dependency(message, entry.namespace)
        return Verdict("False", "Installing", reason, message, 18, waiting_for=(blocker,) if blocker else ())
    if reason in _NOT_YET:
        return Verdict("False", _going(facts), reason, message, 19)
    released = facts.conditions.get("Released", {})
    failed = reason in _FAILED_REASONS or (
        released.get("status") == "False" and text_field(released, "reason") in _FAILED_REASONS
    )
    state: State = "Failed" if failed else "Degraded"
    return Verdict("False", state, reason, _with_cause(ready, facts.conditions), 19)


def _by_history(entry: ExpectedRelease, facts: HelmReleaseFacts) -> Verdict | None:
    newest = facts.newest
    if newest is None or newest.get("status") != "deployed":
        word = newest.get("status") if newest else "absent"
        return Verdict(
            "False", "Installing", "NotDeployed", f"the newest Helm release is {word}, not deployed; wait for Helm", 23
        )
    if newest.get("ociDigest") != entry.digest and not _rolled_back_to(entry, facts, newest):
        message = f"what is installed is the artifact {newest.get('ociDigest')}, the lock says {entry.digest}; Flux will follow"
        return Verdict("False", "Updating", "WrongArtifact", message, 24)
    installed = text_field(newest, "chartVersion").partition("+")[0]
    if installed != entry.version.partition("+")[0]:
        message = f"version {installed} is installed, the lock says {entry.version}; Flux will follow"
        return Verdict("False", "Updating", "WrongVersion", message, 25)
    if facts.last_attempted_config is None or facts.last_attempted_config != newest.get("configDigest"):
        return Verdict("False", "Updating", "ConfigPending", "the newest values have not been installed yet; wait for Helm", 26)
    return None


def _rolled_back_to(entry: ExpectedRelease, facts: HelmReleaseFacts, newest: Mapping[str, Any]) -> bool:
    """Whether the newest release is the lock's artifact although it names none.

    Helm's roll-back writes a release without the artifact's digest. What then stands for it: the release's chart is the one last
    attempted, that attempt was of the lock's artifact, and the chart's version carries the beginning of its digest.
    """
    chart = text_field(newest, "chartVersion")
    return (
        newest.get("ociDigest") is None
        and chart == facts.attempted_chart
        and facts.attempted_artifact == entry.digest
        and chart.partition("+")[2] == entry.digest.removeprefix("sha256:")[:_DIGEST_IN_VERSION]
    )


def _dependency(message: str, namespace: str) -> str:
    """The Application that Flux waits for: its message reads `dependency 'namespace/name' is not ready`."""
    before, _, rest = message.partition(f"'{namespace}/")
    name = rest.partition("'")[0]
    return name if before and name else ""


def bounded(words: str, longest: int) -> str:
    """Text from a cluster as a file may hold it: one line, printable, of bounded length."""
    if not words.isprintable():
        words = "".join(c if c.isprintable() else " " for c in words)
    line = " ".join(words.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
