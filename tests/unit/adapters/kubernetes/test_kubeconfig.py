"""What is kept of a HelmRelease, which kubeconfigs are used, and what the client's exceptions mean. No cluster needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.adapters.kubernetes.kubeconfig import connect
from reconciler.formats.yaml.documents import dump
from reconciler.model.errors import ConfigurationError
from tests.support.canary import CANARY

if TYPE_CHECKING:
    from pathlib import Path


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
    with pytest.raises(ConfigurationError, match=f"runs a program to log in \\({plugin}\\)") as refusal:
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
