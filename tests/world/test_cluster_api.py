"""What is kept of a HelmRelease, which kubeconfigs are used, and what the client's exceptions mean. No cluster needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import urllib3.exceptions
from kubernetes import client

from reconciler.model.canonical import release_spec_digest
from reconciler.model.faults import AccessDeniedError, ConfigurationError, NotFoundError, ReconcilerError, UnavailableError
from reconciler.world.cluster.errors import error_from, failure_of
from reconciler.world.cluster.kept import MAX_PROJECTED_TEXT, project
from reconciler.world.cluster.kubeconfig import connect
from reconciler.world.documents import dump

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "c4nary-s3cret"


def kubeconfig(user: dict[str, Any], **changes: Any) -> bytes:
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "ctx", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "ctx",
    }
    return dump(whole | changes)


def test_a_release_keeps_what_readiness_needs_and_nothing_else() -> None:
    item = {
        "metadata": {
            "name": "web",
            "namespace": "flux-system",
            "uid": "1",
            "generation": 3,
            "resourceVersion": "77",
            "managedFields": [{"big": "x"}],
            "labels": {"openova.io/application": "web", "app.kubernetes.io/managed-by": "catalyst-reconciler", "other": "x"},
            "annotations": {"catalyst.openova.io/entry": "e", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": {"suspend": True, "values": {"password": CANARY}},
        "status": {
            "observedGeneration": 3,
            "conditions": [{"type": "Ready", "status": "True"}],
            "lastAttemptedConfigDigest": "d",
            "storageNamespace": "x",
            "history": [
                {"status": "deployed", "ociDigest": "o", "chartVersion": "1", "configDigest": "d", "info": "x"},
                {"status": "old"},
            ],
        },
    }
    assert project(item) == (
        ("flux-system", "web"),
        {
            "metadata": {
                "uid": "1",
                "generation": 3,
                "labels": {"openova.io/application": "web", "app.kubernetes.io/managed-by": "catalyst-reconciler"},
                "annotations": {"catalyst.openova.io/entry": "e"},
            },
            "spec": {"suspend": True},
            "runs": release_spec_digest({"values": {"password": CANARY}}),
            "status": {
                "observedGeneration": 3,
                "conditions": [{"type": "Ready", "status": "True"}],
                "lastAttemptedConfigDigest": "d",
                "history": [{"status": "deployed", "ociDigest": "o", "chartVersion": "1", "configDigest": "d"}],
            },
        },
    )


def test_a_release_that_says_next_to_nothing_is_kept_as_such() -> None:
    key, release = project({"metadata": {"name": "web", "namespace": "ns", "labels": None}, "spec": None, "status": None})
    assert key == ("ns", "web")
    assert release == {
        "metadata": {"labels": {}, "annotations": {}},
        "spec": {"suspend": False},
        "runs": release_spec_digest({}),
        "status": {},
    }


@pytest.mark.parametrize("status", [{"history": {}}, {"history": [5]}, {"history": 5}, 5])
def test_a_release_of_an_odd_shape_is_kept_as_far_as_it_makes_sense(status: Any) -> None:
    _, release = project(
        {"metadata": {"name": "web", "namespace": "ns", "labels": ["x"], "annotations": 5}, "spec": [], "status": status}
    )
    assert (release["metadata"]["labels"], release["metadata"]["annotations"], release["spec"]) == ({}, {}, {"suspend": False})
    assert release["status"].get("history", [{}]) == [{}]


def test_a_condition_keeps_its_words_but_no_more_text_than_is_ever_quoted() -> None:
    conditions = [{"type": "Ready", "status": "False", "message": "x" * 40_000, "odd": [1]}, "none", None]
    _, release = project({"metadata": {"name": "web", "namespace": "ns"}, "status": {"conditions": conditions}})
    kept = release["status"]["conditions"]
    assert kept == [{"type": "Ready", "status": "False", "message": "x" * MAX_PROJECTED_TEXT, "odd": [1]}, None, None]


def test_a_client_neither_tries_again_by_itself_nor_follows_a_redirect() -> None:
    api = connect(kubeconfig({"token": CANARY}), "ctx", allow_exec=False)
    assert api.rest_client.pool_manager.connection_pool_kw["retries"].total is False
    api.close()


@pytest.mark.parametrize("users", [b"5", b"[5]", b"[{user: 5}]", b"[{name: a, user: {token: [1]}}]"])
def test_users_of_a_kubeconfig_that_are_none_are_told_so_and_raise_nothing_else(users: bytes) -> None:
    with pytest.raises(ConfigurationError):
        connect(b"users: " + users, "one", allow_exec=False)


@pytest.mark.parametrize("plugin", ["exec", "auth-provider"])
def test_a_kubeconfig_that_wants_to_run_a_program_is_refused(plugin: str) -> None:
    content = kubeconfig({"token": "t", plugin: {"command": "touch", "name": "x"}})
    with pytest.raises(ConfigurationError, match=f"wants to run a program \\({plugin}\\)") as refusal:
        connect(content, "ctx", allow_exec=False)
    assert "clusters.allowExec" in refusal.value.hint


def test_a_login_program_does_not_inherit_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALYST_GITEA__TOKEN", CANARY)
    seen, program = tmp_path / "seen", tmp_path / "login"
    program.write_text(f"#!/bin/sh\nenv > {seen}\nexit 1\n")
    program.chmod(0o755)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    connect(kubeconfig({"exec": run}), "ctx", allow_exec=True)
    assert CANARY not in seen.read_text()
    assert "HOME=" in seen.read_text(), "all else it needs"


def test_one_user_that_runs_a_program_spoils_the_kubeconfig() -> None:
    users = [{"name": "u", "user": {"token": "t"}}, {"name": "v", "user": {"exec": {"command": "x"}}}]
    with pytest.raises(ConfigurationError):
        connect(kubeconfig({}, users=users), "ctx", allow_exec=False)


@pytest.mark.parametrize("context", ["ctx", "named-otherwise"])
def test_a_plain_kubeconfig_is_used_by_its_context_or_by_its_only_one(context: str) -> None:
    api = connect(kubeconfig({"token": CANARY}), context, allow_exec=False)
    assert api.configuration.host == "https://127.0.0.1:1"
    api.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"users: [{name: u}]", b"{}", b"a: 1\n---\nb: 1", b"contexts: [{name: ctx, context: {cluster: c}}]"],
)
def test_what_is_no_kubeconfig_is_told_so(content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="the kubeconfig of ctx"):
        connect(content, "ctx", allow_exec=False)


def test_no_credential_is_in_the_message() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        connect(kubeconfig({"token": CANARY}, contexts=[]), "ctx", allow_exec=False)
    assert CANARY not in str(refusal.value)


def answer(status: int) -> client.ApiException:
    error = client.ApiException(status=status, reason="Because")
    error.body, error.headers = f"body {CANARY}", {"Authorization": CANARY}
    return error


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (answer(401), AccessDeniedError, "AccessDenied"),
        (answer(403), AccessDeniedError, "AccessDenied"),
        (answer(404), NotFoundError, "FluxMissing"),
        (answer(500), UnavailableError, "WatchFailed"),
        (answer(0), UnavailableError, "WatchFailed"),
        (urllib3.exceptions.SSLError("certificate verify failed"), AccessDeniedError, "AccessDenied"),
        (client.ApiException(status=0, reason="SSLError\ncertificate verify failed"), AccessDeniedError, "AccessDenied"),
        (client.ApiException(status=0, reason="SSLError\nwrong version number"), UnavailableError, "WatchFailed"),
        (urllib3.exceptions.ProtocolError("gone"), UnavailableError, "WatchFailed"),
        (ConnectionRefusedError(), UnavailableError, "WatchFailed"),
        (TimeoutError(CANARY), UnavailableError, "WatchFailed"),
    ],
)
def test_what_an_exception_of_the_client_means(error: Exception, kind: type[ReconcilerError], reason: str) -> None:
    fault = error_from(error, "ctx")
    assert type(fault) is kind
    assert failure_of(fault).reason == reason
    assert "ctx" in fault.message
    assert CANARY not in str(fault)
