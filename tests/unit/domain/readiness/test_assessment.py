"""The readiness rules, row by row: the row is quoted above the test that shows it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.readiness.assessment import MAX_MESSAGE, ExpectedRelease, Verdict, assess
from reconciler.model.canonical import release_digest
from reconciler.model.observation import Failure, FailureReason, Observation

DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64
ENTRY_DIGEST = "sha256:" + "c" * 64

ENTRY = ExpectedRelease(
    application="shop",
    release="shop",
    cluster="hz-fsn-rtz-prod-acme",
    namespace="flux-system",
    version="1.3.0",
    digest=DIGEST,
    entry=ENTRY_DIGEST,
    release_digest=release_digest({}),
    committed=1_000.0,
    stale_after=60.0,
    progress_deadline=900.0,
)
NOW = 1_010.0


def release(**changes: Any) -> dict[str, Any]:
    """A HelmRelease that is ready in every respect, with `a__b=value` changed; a value of None removes the field."""
    whole: dict[str, Any] = {
        "metadata": {
            "uid": "u-1",
            "generation": 3,
            "labels": {"app.kubernetes.io/managed-by": "catalyst-reconciler"},
            "annotations": {"catalyst.openova.io/entry": ENTRY_DIGEST},
        },
        "spec": {},
        "status": {
            "observedGeneration": 3,
            "lastAttemptedConfigDigest": "sha256:values",
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "InstallSucceeded", "message": "done", "observedGeneration": 3},
                {"type": "Released", "status": "True", "reason": "InstallSucceeded", "message": "done", "observedGeneration": 3},
            ],
            "history": [
                {"status": "deployed", "ociDigest": DIGEST, "chartVersion": "1.3.0+aaaaaaaaaaaa", "configDigest": "sha256:values"}
            ],
        },
    }
    for path, value in changes.items():
        *way, last = path.split("__")
        part = whole
        for step in way:
            part = part[step]
        if value is None:
            part.pop(last, None)
        else:
            part[last] = value
    return whole


def seen(found: dict[str, Any] | None, *, age: float = 0.0, listed: bool = True) -> Observation:
    return Observation(listed=listed, age=age, release=found)


def judged(found: dict[str, Any] | None, entry: ExpectedRelease = ENTRY, now: float = NOW) -> Verdict:
    return assess(entry, seen(found), now)


def conditions(*given: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [{"type": t, "status": s, "reason": r, "message": f"{r} it said", "observedGeneration": 3} for t, s, r in given]


# | 1 | no kubeconfig for the placement | Unknown | KubeconfigMissing | Unknown |
# | 2 | kubeconfig unusable, client or watch could not start | Unknown | WatchFailed | Unknown |
# | 3 | unauthorised / forbidden / certificate refused | Unknown | AccessDenied | Unknown |
# | 4 | HelmRelease API absent | Unknown | FluxMissing | Unknown |
@pytest.mark.parametrize("reason", ["KubeconfigMissing", "WatchFailed", "AccessDenied", "FluxMissing"])
def test_rows_1_to_4_a_cluster_that_cannot_be_looked_at_is_unknown_whatever_was_seen_before(reason: FailureReason) -> None:
    verdict = assess(ENTRY, Observation(Failure(reason, "it said"), listed=True, age=0.0, release=release()), NOW)
    assert (verdict.ready, verdict.reason, verdict.state) == ("Unknown", reason, "Unknown")
    assert verdict.message.startswith("it said; "), "and says what to do next"


# | 5 | first list not complete | Unknown | NotObserved | Unknown |
def test_row_5_nothing_is_said_before_the_first_list() -> None:
    verdict = assess(ENTRY, seen(release(), listed=False), NOW)
    assert (verdict.ready, verdict.reason, verdict.state) == ("Unknown", "NotObserved", "Unknown")


# | 6 | last good observation older than staleAfter | Unknown | ObservationStale | Unknown |
def test_row_6_an_old_observation_does_not_count() -> None:
    assert assess(ENTRY, seen(release(), age=60.0), NOW).ready == "True"
    verdict = assess(ENTRY, seen(release(), age=60.1), NOW)
    assert (verdict.ready, verdict.reason, verdict.state) == ("Unknown", "ObservationStale", "Unknown")


# | 7 | object absent, never applied at this entry | False | AwaitingApply | Installing |
# | 8 | object absent, was there | False | Removed | Degraded |
def test_rows_7_and_8_absent_is_awaited_or_removed() -> None:
    verdict = judged(None)
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "AwaitingApply", "Installing")
    verdict = judged(None, ExpectedRelease(**{**ENTRY.__dict__, "was_there": True}))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "Removed", "Degraded")
    assert verdict.evidence is not None
    assert verdict.evidence.entry == ENTRY_DIGEST, "the status remembers by it that it was there"


# | 9 | not ours (label or annotation missing) | False | NotOwned | Failed |
@pytest.mark.parametrize(
    "change", [{"metadata__labels": None}, {"metadata__annotations": None}, {"metadata__labels": {"app": "x"}}]
)
def test_row_9_a_release_that_is_not_ours(change: dict[str, Any]) -> None:
    verdict = judged(release(**change))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "NotOwned", "Failed")


# | 10 | deletionTimestamp | False | Terminating | Degraded |
def test_row_10_being_deleted() -> None:
    verdict = judged(release(metadata__deletionTimestamp="2026-11-24T00:00:00Z"))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "Terminating", "Degraded")


# | 11 | spec.suspend | False | Suspended | Paused |
def test_row_11_suspended_keeps_its_old_true_and_is_not_ready() -> None:
    verdict = judged(release(spec__suspend=True))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "Suspended", "Paused")


# | 12 | entry annotation differs from the lock's | False | AwaitingApply | Updating |
def test_row_12_another_entry() -> None:
    verdict = judged(release(metadata__annotations={"catalyst.openova.io/entry": OTHER_DIGEST}))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "AwaitingApply", "Updating")


# | 28 | the lock is of a `resolved` head that is not ours | Unknown | ForeignLock | Unknown |
def test_row_28_what_somebody_else_resolved_says_nothing() -> None:
    for observation in (seen(release()), seen(None), Observation(Failure("AccessDenied", "403"))):
        verdict = assess(replace(ENTRY, is_foreign=True), observation, NOW)
        assert (verdict.ready, verdict.reason, verdict.state, verdict.row) == ("Unknown", "ForeignLock", "Unknown", 28)


# | 29 | the object cannot be read (too deep, too large); only this placement | Unknown | Unreadable | Unknown |
def test_row_29_what_cannot_be_read_is_not_absent() -> None:
    verdict = assess(ENTRY, Observation(listed=True, unreadable="it is nested too deeply"), NOW)
    assert (verdict.ready, verdict.reason, verdict.state, verdict.row) == ("Unknown", "Unreadable", "Unknown", 29)
    assert "flux-system/shop on hz-fsn-rtz-prod-acme cannot be read: it is nested too deeply" in verdict.message


# | 30 | the object's uid also stands for another placement | Unknown | SharedObject | Unknown |
def test_row_30_one_object_makes_no_two_placements_ready() -> None:
    verdict = assess(ENTRY, Observation(listed=True, release=release(), shared_with="hz-hel-rtz-prod-acme"), NOW)
    assert (verdict.ready, verdict.reason, verdict.state, verdict.row) == ("Unknown", "SharedObject", "Unknown", 30)
    assert "hz-hel-rtz-prod-acme" in verdict.message


# | 31 | any field of spec, or label or annotation of Flux's that changes what it does, is more or other than rendered | False |
# | NotAsResolved | Degraded |
# Real Flux lets what somebody added stand beside ours, and acts on it: Ready, and not as locked.
@pytest.mark.parametrize(
    "added",
    [
        {"values": {"colour": "red"}},
        {"valuesFrom": [{"kind": "ConfigMap", "name": "x"}]},
        {"upgrade": {"disableWait": True}},
        {"driftDetection": {"mode": "enabled", "ignore": [{"paths": [""]}]}},
    ],
)
def test_row_31_the_entry_is_the_lock_s_but_what_runs_is_not(added: dict[str, Any]) -> None:
    verdict = judged(release(spec=added))
    assert (verdict.ready, verdict.reason, verdict.state, verdict.row) == ("False", "NotAsResolved", "Degraded", 31)
    entry = replace(ENTRY, release_digest=release_digest({"spec": added}))
    assert judged(release(spec=added), entry).ready == "True"
    assert judged(release(), entry).reason == "NotAsResolved", "what was taken away is missed too"


@pytest.mark.parametrize("field", ["metadata__labels", "metadata__annotations"])
def test_row_31_a_key_of_flux_that_changes_what_it_does(field: str) -> None:
    ours = release()["metadata"][field.partition("__")[2]]
    for key, ready in (
        ("sharding.fluxcd.io/key", "False"),
        ("kustomize.toolkit.fluxcd.io/ssa", "False"),
        ("helm.toolkit.fluxcd.io/invented-tomorrow", "False"),
        ("reconcile.fluxcd.io/requestedAt", "True"),
        ("kustomize.toolkit.fluxcd.io/name", "True"),
        ("example.com/team", "True"),
    ):
        assert judged(release(**{field: {**ours, key: "x"}})).ready == ready, key


def test_row_31_where_the_resolved_commit_has_no_such_release_nothing_is_as_resolved() -> None:
    verdict = judged(release(), replace(ENTRY, release_digest=None))
    assert (verdict.ready, verdict.reason, verdict.row) == ("False", "NotAsResolved", 31)
    assert "the resolved commit has no HelmRelease flux-system/shop that can be read" in verdict.message


# Row 13 decides after row 20: helm-controller writes this generation only at the end of a reconciliation.
def test_row_13_does_not_hide_what_a_first_install_waits_for_or_fails_on() -> None:
    waiting = conditions(("Ready", "False", "DependencyNotReady"))
    assert judged(release(status__conditions=waiting, status__observedGeneration=-1)).reason == "DependencyNotReady"
    failing = conditions(("Ready", "False", "InstallFailed"))
    assert judged(release(status__conditions=failing, status__observedGeneration=-1)).state == "Failed"


def test_row_15_a_stall_of_an_older_generation_is_over() -> None:
    found = conditions(("Ready", "Unknown", "Progressing"), ("Stalled", "True", "RetriesExceeded"))
    found[1]["observedGeneration"] = 2
    assert judged(release(status__conditions=found)).reason == "Progressing"


# | 13 | status.observedGeneration absent or not equal to generation | False | NotReconciled | Updating |
@pytest.mark.parametrize("observed", [None, 2, 4])
def test_row_13_a_generation_that_was_not_acted_on(observed: int | None) -> None:
    verdict = judged(release(status__observedGeneration=observed))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "NotReconciled", "Updating")


# | 14 | two conditions of one type, or a status outside True/False/Unknown | False | MalformedStatus | Unknown |
@pytest.mark.parametrize(
    "found",
    [
        conditions(("Ready", "True", "A"), ("Ready", "False", "B")),
        conditions(("Ready", "true", "A")),
        ["Ready"],
        [{"type": ["Ready"], "status": "True"}],
        [{"status": "True"}],
    ],
)
def test_row_14_conditions_that_are_none(found: list[Any]) -> None:
    verdict = judged(release(status__conditions=found))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "MalformedStatus", "Unknown")


# | 15 | Stalled=True | False | its reason | Failed |
def test_row_15_stalled() -> None:
    verdict = judged(release(status__conditions=conditions(("Ready", "True", "Old"), ("Stalled", "True", "RetriesExceeded"))))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "RetriesExceeded", "Failed")


def test_row_15_says_what_helm_said_of_the_last_attempt() -> None:
    found = conditions(
        ("Stalled", "True", "RetriesExceeded"), ("Ready", "False", "InstallFailed"), ("Released", "False", "InstallFailed")
    )
    found[2]["message"] = "Helm install failed: context deadline exceeded"
    verdict = judged(release(status__conditions=found))
    assert verdict.message == "RetriesExceeded it said: Helm install failed: context deadline exceeded"


# | 16 | no Ready condition | False | NoReadyCondition | Installing |
@pytest.mark.parametrize("found", [None, [], conditions(("Released", "True", "InstallSucceeded"))])
def test_row_16_no_ready_condition(found: list[Any] | None) -> None:
    verdict = judged(release(status__conditions=found))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "NoReadyCondition", "Installing")


# | 17 | Ready.observedGeneration present and not equal to generation | False | StaleCondition | Updating |
def test_row_17_a_ready_condition_of_another_generation() -> None:
    stale = release()
    stale["status"]["conditions"][0]["observedGeneration"] = 2
    verdict = judged(stale)
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "StaleCondition", "Updating")
    without = copy.deepcopy(stale)
    del without["status"]["conditions"][0]["observedGeneration"]
    assert judged(without).ready == "True"


# | 18 | Ready=False: DependencyNotReady | False | names the root blocker once, not its victims | Installing |
def test_row_18_waiting_for_a_dependency() -> None:
    found = conditions(("Ready", "False", "DependencyNotReady"))
    found[0]["message"] = "dependency 'flux-system/keycloak' is not ready"
    verdict = judged(release(status__conditions=found))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "DependencyNotReady", "Installing")
    assert verdict.waiting_for == ("keycloak",)


# | 19 | Ready=False, any other | False | its reason | Failed if install or upgrade failed, else Degraded |
@pytest.mark.parametrize(
    ("reason", "state"),
    [("InstallFailed", "Failed"), ("UpgradeFailed", "Failed"), ("TestFailed", "Degraded"), ("Other", "Degraded")],
)
def test_row_19_not_ready(reason: str, state: str) -> None:
    verdict = judged(release(status__conditions=conditions(("Ready", "False", reason))))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", reason, state)
    assert verdict.message == f"{reason} it said"


# | 20 | Ready=Unknown | False | its reason | Installing / Updating |
def test_row_20_ready_unknown_is_not_ready() -> None:
    progressing = conditions(("Ready", "Unknown", "Progressing"))
    verdict = judged(release(status__conditions=progressing))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "Progressing", "Updating")
    assert judged(release(status__conditions=progressing, status__history=None)).state == "Installing"


# | 21 | Ready=True with Reconciling=True | False | Reconciling | Updating |
def test_row_21_reconciling() -> None:
    verdict = judged(release(status__conditions=conditions(("Ready", "True", "Old"), ("Reconciling", "True", "Progressing"))))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "Reconciling", "Updating")


# | 22 | Released=False, TestSuccess=False, Remediated=True or drift reported | False | its reason | Degraded |
@pytest.mark.parametrize(
    ("kind", "status"), [("Released", "False"), ("TestSuccess", "False"), ("Remediated", "True"), ("Drifted", "True")]
)
def test_row_22_something_beside_ready_speaks_against_it(kind: str, status: str) -> None:
    verdict = judged(release(status__conditions=conditions(("Ready", "True", "Old"), (kind, status, "ItsReason"))))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "ItsReason", "Degraded")


# | 23 | history empty or history[0].status not deployed | False | NotDeployed | Installing |
@pytest.mark.parametrize("history", [None, [], [{"status": "failed"}], [{}], ["deployed"]])
def test_row_23_nothing_is_deployed(history: list[Any] | None) -> None:
    verdict = judged(release(status__history=history))
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "NotDeployed", "Installing")


# | 24 | history[0].ociDigest not the lock's digest | False | WrongArtifact | Updating |
# | 25 | history[0].chartVersion (before `+`) not the lock's | False | WrongVersion | Updating |
@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("ociDigest", OTHER_DIGEST, "WrongArtifact"),
        ("ociDigest", None, "WrongArtifact"),
        ("chartVersion", "1.2.9+aaaaaaaaaaaa", "WrongVersion"),
        ("chartVersion", None, "WrongVersion"),
        # | 26 | lastAttemptedConfigDigest not history[0].configDigest | False | ConfigPending | Updating |
        ("configDigest", "sha256:older", "ConfigPending"),
        ("configDigest", None, "ConfigPending"),
    ],
)
def test_rows_24_to_26_what_is_installed_is_not_what_is_locked(field: str, value: str | None, reason: str) -> None:
    found = release()
    if value is None:
        del found["status"]["history"][0][field]
    else:
        found["status"]["history"][0][field] = value
    verdict = judged(found)
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", reason, "Updating")


# Helm's roll-back writes a release without the artifact's digest.
def test_row_24_a_release_rolled_back_to_is_the_lock_s_artifact_if_all_else_says_so() -> None:
    found = release(status__lastAttemptedRevision="1.3.0+aaaaaaaaaaaa", status__lastAttemptedRevisionDigest=DIGEST)
    del found["status"]["history"][0]["ociDigest"]
    assert judged(found).ready == "True"
    for path, value in (
        ("lastAttemptedRevision", "1.3.0+bbbbbbbbbbbb"),
        ("lastAttemptedRevision", None),
        ("lastAttemptedRevisionDigest", OTHER_DIGEST),
        ("lastAttemptedRevisionDigest", None),
    ):
        other = copy.deepcopy(found)
        other["status"][path] = value
        assert judged(other).reason == "WrongArtifact"
    foreign = copy.deepcopy(found)
    foreign["status"]["history"][0]["chartVersion"] = foreign["status"]["lastAttemptedRevision"] = "1.3.0"
    assert judged(foreign).reason == "WrongArtifact", "without the digest in the version it proves nothing"


def test_row_26_no_config_was_attempted_and_none_installed_proves_nothing() -> None:
    found = release(status__lastAttemptedConfigDigest=None)
    del found["status"]["history"][0]["configDigest"]
    assert judged(found).reason == "ConfigPending"


# | 27 | none of the above | True | the condition's own reason | Running |
def test_row_27_ready_with_all_it_rests_on() -> None:
    verdict = judged(release())
    assert (verdict.ready, verdict.reason, verdict.state) == ("True", "InstallSucceeded", "Running")
    assert verdict.evidence is not None
    assert verdict.evidence.facts is not None
    assert verdict.evidence.facts.newest is not None
    assert verdict.evidence.facts.newest["ociDigest"] == DIGEST
    assert verdict.evidence.entry == ENTRY_DIGEST


def test_a_deadline_turns_still_going_on_into_failed_and_never_into_ready() -> None:
    late = ENTRY.committed + ENTRY.progress_deadline + 1
    verdict = judged(None, now=late)
    assert (verdict.ready, verdict.reason, verdict.state) == ("False", "ProgressDeadlineExceeded", "Failed")
    assert "AwaitingApply" in verdict.message
    assert judged(release(), now=late).ready == "True"
    assert judged(release(spec__suspend=True), now=late).state == "Paused", "what is not going on is not late"


def test_a_verdict_is_not_latched() -> None:
    assert [judged(one).ready for one in (release(), None, release())] == ["True", "False", "True"]


def test_text_from_the_cluster_is_one_bounded_printable_line() -> None:
    found = conditions(("Ready", "False", "InstallFailed"))
    found[0]["message"] = "a\nb\x1b[31m\u202e" + "x" * 10_000
    message = judged(release(status__conditions=found)).message
    assert message.startswith("a b [31m")
    assert len(message) == MAX_MESSAGE
    assert message.isprintable()
