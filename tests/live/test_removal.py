"""How things end, on real Flux and Helm: what is removed is uninstalled in its Namespace, and then that is deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

PATIENCE = 60.0
QUIET = 5.0  # seconds; passes begin every second


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment of which bp-site is an ordinary Blueprint, and bp-careful needs its Namespace to be uninstalled."""
    organization = "r" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")
    careful = blueprint(tmp_path / "careful", "bp-careful")
    hook = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "last-words", "annotations": {"helm.sh/hook": "pre-delete"}},
    }
    (careful / "chart" / "templates" / "hook.yaml").write_bytes(dump(hook))
    servers.publish(stage.prefix, careful, blueprint(tmp_path / "site", "bp-site"))
    stage.connect()
    return stage


def until(what: str, true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"it did not get to: {what}"
        time.sleep(0.5)


def is_deleted(stage: LiveEnvironment, namespace: str) -> bool:
    """Whether a Namespace is gone, or on its way out."""
    found = [n for n in stage.on.core.list_namespace().items if n.metadata and n.metadata.name == namespace]
    return all(n.metadata.deletion_timestamp is not None for n in found if n.metadata)


def installed(stage: LiveEnvironment) -> set[str]:
    """The releases that Helm still has a record of."""
    secrets = stage.on.core.list_namespaced_secret(stage.namespace, label_selector="owner=helm").items
    return {str((secret.metadata.labels or {})["name"]) for secret in secrets if secret.metadata}


def test_a_release_is_uninstalled_in_its_namespace_by_exactly_two_commits(stage: LiveEnvironment) -> None:
    careful, site = f"careful-{stage.organization}", f"site-{stage.organization}"
    documents: dict[str, bytes | None] = {
        "environment.yaml": stage.environment(),
        f"applications/{careful}.yaml": stage.application(careful, "bp-careful"),
        f"applications/{site}.yaml": stage.application(site, "bp-site"),
    }
    with stage.running():
        stage.ready(stage.push(documents))
        commits = len(stage.log("resolved"))
        stage.push({f"applications/{careful}.yaml": None})
        stage.wait("removed", lambda status: len(status.applications) == 1 and not status.removing)
        assert stage.on.release(stage.namespace, careful) is None
        assert installed(stage) == {site}
        until("its Namespace is deleted", lambda: is_deleted(stage, careful))
        time.sleep(QUIET)
    assert not is_deleted(stage, site)
    ended, begun = stage.log("resolved")[:2]
    assert (ended, "1 of 1 Applications change" in begun) == (f"{stage.name}: {careful} is uninstalled", True)
    assert len(stage.log("resolved")) == commits + 2
    status = stage.status()
    assert status is not None
    assert status.condition("Ready").status == "True"


def test_a_placement_that_is_taken_out_is_left_with_nothing_of_ours(stage: LiveEnvironment) -> None:
    site = f"site-{stage.organization}"
    with stage.running():
        stage.ready(
            stage.push({"environment.yaml": stage.environment(), f"applications/{site}.yaml": stage.application(site, "bp-site")})
        )
        elsewhere = stage.environment().replace(stage.context.encode(), stage.context.replace("-fsn-", "-nbg-").encode())
        stage.push({"environment.yaml": elsewhere.replace(b"region: fsn", b"region: nbg")})
        stage.wait("Removing", lambda status: any(p.cluster == stage.context for r in status.removing for p in r.placements))
        stage.wait("removed", lambda status: status.resolved is not None and not status.removing)
        assert stage.on.release(stage.namespace, site) is None
        assert installed(stage) == set()
        until("its Namespace is deleted", lambda: is_deleted(stage, site))
    kustomization = load(stage.show("resolved", f"clusters/{stage.context}/kustomization.yaml"), "kustomization.yaml")
    assert kustomization.data["resources"] == []


def test_what_is_suspended_is_not_removed(stage: LiveEnvironment) -> None:
    site = f"site-{stage.organization}"
    stage.push(
        {"environment.yaml": stage.environment(), f"applications/{site}.yaml": stage.application(site, "bp-site", suspend=True)}
    )
    assert stage.once()[0] == 0
    resolved = stage.head("resolved")
    stage.push({f"applications/{site}.yaml": None})
    code, told = stage.once()
    assert code == 1
    assert "SuspendedRemoval" in str(told)
    assert stage.head("resolved") == resolved
