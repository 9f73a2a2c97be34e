"""A second answer to "does it run?", written from the table of the readiness rules alone.

It exists to be compared with `reconciler.domain.readiness.assessment`, shares no line with it, and knows nothing of how it
works. Each row of the table is one entry of `ROWS`, in the table's words; the first one that applies decides. Row 13 stands
after row 20, and row 15 before row 16 wants a Stalled of this generation, as real releases have shown to be right. It is for
releases whose parts have the types the Kubernetes API gives them: what garbage may do is another test's question.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.domain.readiness.assessment import ExpectedRelease
    from reconciler.model.observation import Observation

Answer = tuple[str, str, str]  # ready, state, reason; an empty reason means that the release names none, so any will do


class ObservedScene:
    """The words of the table, looked up once: "its Ready", "the object", "history[0]"."""

    __slots__ = ("conditions", "digest", "entry", "first", "history", "kinds", "metadata", "observation", "spec", "status")

    def __init__(self, entry: ExpectedRelease, observation: Observation) -> None:
        release: Mapping[str, Any] = observation.release or {}
        self.entry = entry
        self.observation = observation
        self.metadata: Mapping[str, Any] = release.get("metadata") or {}
        self.digest = release.get("digest")  # of all that row 31 names; how it is taken is another test's question
        self.spec: Mapping[str, Any] = release.get("spec") or {}
        self.status: Mapping[str, Any] = release.get("status") or {}
        self.conditions: list[Mapping[str, Any]] = self.status.get("conditions") or []
        self.kinds: dict[str, Mapping[str, Any]] = {c["type"]: c for c in self.conditions}
        self.history: list[Mapping[str, Any]] = self.status.get("history") or []
        self.first: Mapping[str, Any] = self.history[0] if self.history else {}

    def says(self, kind: str, status: str) -> bool:
        """Whether there is a condition of this type with this status."""
        return kind in self.kinds and self.kinds[kind].get("status") == status

    def reason(self, kind: str) -> str:
        """The reason that the condition of this type gives; empty when it gives none."""
        return self.kinds[kind].get("reason") or "" if kind in self.kinds else ""

    def failed_with(self, reason: str) -> bool:
        """Whether the cluster could not be looked at for this reason."""
        return self.observation.failure is not None and self.observation.failure.reason == reason

    def absent(self) -> bool:
        """Whether the object is absent."""
        return self.observation.release is None and not self.observation.unreadable


class Row(NamedTuple):
    """A row of the table: when it applies, and what then follows."""

    number: int
    observed: str
    applies: Callable[[ObservedScene], bool]
    ready: str
    reason: str | Callable[[ObservedScene], str]
    state: str | Callable[[ObservedScene], str]


def _ours(s: ObservedScene) -> bool:
    label = (s.metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") == "catalyst-reconciler"
    return label and "catalyst.openova.io/entry" in (s.metadata.get("annotations") or {})


def _install_or_upgrade_failed(s: ObservedScene) -> bool:
    reasons = [s.reason("Ready")]
    if s.says("Released", "False"):
        reasons.append(s.reason("Released"))
    return "InstallFailed" in reasons or "UpgradeFailed" in reasons


# Row 22: the condition types that speak of trouble, in the order in which the row names them, and the status that is trouble.
_TROUBLE = (("Released", "False"), ("TestSuccess", "False"), ("Remediated", "True"), ("Drifted", "True"))


def _config_differs(s: ObservedScene) -> bool:
    attempted, deployed = s.status.get("lastAttemptedConfigDigest"), s.first.get("configDigest")
    return not attempted or not deployed or attempted != deployed  # what is absent equals nothing, not even what is absent too


ROWS = (
    Row(
        28, "the lock is of a `resolved` head that is not ours", lambda s: s.entry.is_foreign, "Unknown", "ForeignLock", "Unknown"
    ),
    Row(
        1,
        "no kubeconfig for the placement",
        lambda s: s.failed_with("KubeconfigMissing"),
        "Unknown",
        "KubeconfigMissing",
        "Unknown",
    ),
    Row(
        2,
        "kubeconfig unusable, client or watch could not start",
        lambda s: s.failed_with("WatchFailed"),
        "Unknown",
        "WatchFailed",
        "Unknown",
    ),
    Row(
        3,
        "unauthorised / forbidden / certificate refused",
        lambda s: s.failed_with("AccessDenied"),
        "Unknown",
        "AccessDenied",
        "Unknown",
    ),
    Row(4, "HelmRelease API absent", lambda s: s.failed_with("FluxMissing"), "Unknown", "FluxMissing", "Unknown"),
    Row(5, "first list not complete", lambda s: not s.observation.listed, "Unknown", "NotObserved", "Unknown"),
    Row(
        6,
        "last good observation older than staleAfter",
        lambda s: s.observation.age > s.entry.stale_after,
        "Unknown",
        "ObservationStale",
        "Unknown",
    ),
    Row(
        29,
        "the object cannot be read (too deep, too large); only this placement",
        lambda s: s.observation.unreadable != "",
        "Unknown",
        "Unreadable",
        "Unknown",
    ),
    Row(
        7,
        "object absent, never applied at this entry",
        lambda s: s.absent() and not s.entry.was_there,
        "False",
        "AwaitingApply",
        "Installing",
    ),
    Row(8, "object absent, was there", lambda s: s.absent() and s.entry.was_there, "False", "Removed", "Degraded"),
    Row(
        30,
        "the object's uid also stands for another placement",
        lambda s: s.observation.shared_with != "",
        "Unknown",
        "SharedObject",
        "Unknown",
    ),
    Row(9, "not ours (label or annotation missing)", lambda s: not _ours(s), "False", "NotOwned", "Failed"),
    Row(
        10,
        "deletionTimestamp",
        lambda s: s.metadata.get("deletionTimestamp") is not None,
        "False",
        "Terminating",
        "Degraded",
    ),
    Row(11, "spec.suspend", lambda s: s.spec.get("suspend") is True, "False", "Suspended", "Paused"),
    Row(
        12,
        "entry annotation differs from the lock's",
        lambda s: (s.metadata.get("annotations") or {}).get("catalyst.openova.io/entry") != s.entry.entry,
        "False",
        "AwaitingApply",
        "Updating",
    ),
    Row(
        31,
        "any field of spec, or label or annotation of Flux's that changes what it does, is more or other than rendered",
        lambda s: s.digest != s.entry.release_digest,
        "False",
        "NotAsResolved",
        "Degraded",
    ),
    Row(
        14,
        "two conditions of one type, or a status outside True/False/Unknown",
        lambda s: (
            len(s.kinds) != len(s.conditions) or any(c.get("status") not in ("True", "False", "Unknown") for c in s.conditions)
        ),
        "False",
        "MalformedStatus",
        "Unknown",
    ),
    Row(
        15,
        "Stalled=True",
        lambda s: (
            s.says("Stalled", "True") and s.kinds["Stalled"].get("observedGeneration") in (None, s.metadata.get("generation"))
        ),
        "False",
        lambda s: s.reason("Stalled"),
        "Failed",
    ),
    Row(16, "no Ready condition", lambda s: "Ready" not in s.kinds, "False", "NoReadyCondition", "Installing"),
    Row(
        17,
        "Ready.observedGeneration present and not equal to generation",
        lambda s: s.kinds.get("Ready", {}).get("observedGeneration") not in (None, s.metadata.get("generation")),
        "False",
        "StaleCondition",
        "Updating",
    ),
    Row(
        18,
        "Ready=False: DependencyNotReady",
        lambda s: s.says("Ready", "False") and s.reason("Ready") == "DependencyNotReady",
        "False",
        "DependencyNotReady",
        "Installing",
    ),
    Row(
        19,
        "Ready=False, any other",
        lambda s: s.says("Ready", "False") and s.reason("Ready") != "DependencyNotReady",
        "False",
        lambda s: s.reason("Ready"),
        lambda s: "Failed" if _install_or_upgrade_failed(s) else "Degraded",
    ),
    Row(
        20,
        "Ready=Unknown",
        lambda s: s.says("Ready", "Unknown"),
        "False",
        lambda s: s.reason("Ready"),
        lambda s: "Updating" if s.history else "Installing",
    ),
    Row(
        15,
        "Stalled=True, of whatever generation",
        lambda s: s.says("Stalled", "True"),
        "False",
        lambda s: s.reason("Stalled"),
        "Failed",
    ),
    Row(
        13,
        "status.observedGeneration absent or not equal to generation",
        lambda s: s.status.get("observedGeneration") is None or s.status["observedGeneration"] != s.metadata.get("generation"),
        "False",
        "NotReconciled",
        "Updating",
    ),
    Row(
        21,
        "Ready=True with Reconciling=True",
        lambda s: s.says("Ready", "True") and s.says("Reconciling", "True"),
        "False",
        "Reconciling",
        "Updating",
    ),
    Row(
        22,
        "Released=False, TestSuccess=False, Remediated=True or drift reported",
        lambda s: any(s.says(kind, status) for kind, status in _TROUBLE),
        "False",
        lambda s: next(s.reason(kind) for kind, status in _TROUBLE if s.says(kind, status)),
        "Degraded",
    ),
    Row(
        23,
        "history empty or history[0].status not deployed",
        lambda s: s.first.get("status") != "deployed",
        "False",
        "NotDeployed",
        "Installing",
    ),
    Row(
        24,
        "history[0].ociDigest not the lock's digest",
        lambda s: s.first.get("ociDigest") != s.entry.digest,
        "False",
        "WrongArtifact",
        "Updating",
    ),
    Row(
        25,
        "history[0].chartVersion (before `+`) not the lock's",
        lambda s: (s.first.get("chartVersion") or "").partition("+")[0] != s.entry.version,
        "False",
        "WrongVersion",
        "Updating",
    ),
    Row(
        26,
        "lastAttemptedConfigDigest not history[0].configDigest",
        _config_differs,
        "False",
        "ConfigPending",
        "Updating",
    ),
    Row(27, "none of the above", lambda _: True, "True", lambda s: s.reason("Ready"), "Running"),
)


class Oracle:
    """Decides one case after another; a case that differs from the last one in its deadline alone is of the same row."""

    def __init__(self) -> None:
        self._scene: ObservedScene | None = None
        self._row = ROWS[0]

    def decide(self, entry: ExpectedRelease, observation: Observation, now: float) -> tuple[int, Answer]:
        """The number of the first row that applies, and what follows from it."""
        scene = self._scene
        if scene is None or scene.observation is not observation or _differ(scene.entry, entry):
            scene = self._scene = ObservedScene(entry, observation)
            for row in ROWS:
                if row.applies(scene):
                    self._row = row
                    break
        return self._row.number, _answer(self._row, scene, entry, now)


@cache
def _differ(one: ExpectedRelease, other: ExpectedRelease) -> bool:
    return one is not other and replace(one, committed=0.0) != replace(other, committed=0.0)


def _answer(row: Row, scene: ObservedScene, entry: ExpectedRelease, now: float) -> Answer:
    said = row.reason if isinstance(row.reason, str) else row.reason(scene)
    is_in = row.state if isinstance(row.state, str) else row.state(scene)
    # "A deadline turns "still Installing/Updating" into state Failed, reason ProgressDeadlineExceeded, never into ready."
    late = entry.committed > 0 and now - entry.committed > entry.progress_deadline
    if late and row.ready == "False" and is_in in ("Installing", "Updating"):
        return row.ready, "Failed", "ProgressDeadlineExceeded"
    return row.ready, is_in, said


def decide(entry: ExpectedRelease, observation: Observation, now: float) -> tuple[int, Answer]:
    """The number of the first row that applies, and what follows from it."""
    return Oracle().decide(entry, observation, now)


def expected(entry: ExpectedRelease, observation: Observation, now: float) -> Answer:
    """What the table answers: ready, state, reason. An empty reason means that any will do."""
    return decide(entry, observation, now)[1]


def applicable(entry: ExpectedRelease, observation: Observation) -> list[int]:
    """The numbers of all rows that apply, of which the first one decides."""
    scene = ObservedScene(entry, observation)
    return [row.number for row in ROWS if row.applies(scene)]
