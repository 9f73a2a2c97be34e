"""The main job, end to end: a person pushes, and everything after that is real."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reason_of
from tests.support.paths import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.support.environment import Cluster
    from tests.live.support.signing_keys import SigningKeys

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def acme(servers: Servers, catalog: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEnvironment]:
    """`acme-prod` of the fixtures, with a reconciler running; the tests of it follow each other as a day's work would."""
    stage = LiveEnvironment(servers, tmp_path_factory.mktemp("acme"), "acme", catalog, own_namespace=False)
    stage.connect()
    with stage.running():
        yield stage


class TestADayOfAcmeProd:
    """One Environment, from its first push on."""

    def test_a_push_becomes_ready(self, acme: LiveEnvironment) -> None:
        commit = acme.push_folder(FIXTURES / "environments" / "acme-prod")
        status = acme.ready(commit)
        assert acme.log("status")[0] == "acme-prod: Ready 8/8"
        assert {a.name for a in status.applications} >= {"marketing-site", "marketing-site-postgres", "orders", "sessions"}
        assert f"Input-Commit: {commit}" in acme.log("resolved", "%B")
        release = acme.on.release("flux-system", "marketing-site")
        assert release is not None
        placement = next(a for a in status.applications if a.name == "marketing-site").placements[0]
        assert placement.evidence is not None
        assert placement.evidence.uid == release["metadata"]["uid"]
        assert placement.evidence.oci_digest == release["status"]["history"][0]["ociDigest"]

    def test_green_was_never_shown_before_it_was_true(self, acme: LiveEnvironment) -> None:
        subjects = acme.log("status")[::-1]
        first_ready = next(i for i, line in enumerate(subjects) if "Ready 8/8" in line)
        assert first_ready > 0, "the rollout was seen under way"
        assert not any(": Ready" in line for line in subjects[:first_ready])

    def test_an_upgrade(self, acme: LiveEnvironment, servers: Servers) -> None:
        servers.publish(acme.prefix, FIXTURES / "catalog-next" / "wordpress")
        before = acme.push({}, "nothing that matters")
        assert acme.ready(before).applications, "a newer version moves nobody who did not ask"
        assert "1.3.0" in acme.show("resolved", "environment.lock.yaml").decode()
        file = "applications/marketing-site.yaml"
        commit = acme.push({file: acme.show("main", file).replace(b"^1.3", b"^1.4")}, "upgrade")
        status = acme.ready(commit)
        site = next(a for a in status.applications if a.name == "marketing-site")
        assert site.version == "1.4.0"
        assert site.placements[0].evidence is not None
        assert str(site.placements[0].evidence.chart_version).startswith("1.4.0+")

    def test_a_removal_is_pruned_and_gone_from_the_status(self, acme: LiveEnvironment) -> None:
        commit = acme.push({"applications/orders.yaml": None}, "no more orders")
        status = acme.ready(commit)
        assert "orders" not in {a.name for a in status.applications}
        until = time.monotonic() + 60
        while "orders" in acme.on.namespaces() and time.monotonic() < until:
            time.sleep(0.5)
        assert acme.on.release("flux-system", "orders") is None
        assert "orders" not in acme.on.namespaces()

    def test_a_refused_push_keeps_the_good_state(self, acme: LiveEnvironment) -> None:
        resolved, file = acme.head("resolved"), "applications/marketing-site.yaml"
        good = acme.show("main", file)
        bad = acme.push({file: good.replace(b"domain: acme.com", b"domian: acme.com")}, "a slip of the pen")
        status = acme.wait("refused", lambda s: s.refused == bad)
        assert acme.head("resolved") == resolved
        assert status.problems[0].place == "applications/marketing-site.yaml:12:5"
        assert "did you mean domain?" in status.problems[0].message
        assert status.condition("Ready").status == "True", "what runs still runs"
        commit = acme.push({file: good}, "mended")
        assert acme.ready(commit).refused is None

    def test_a_release_removed_by_hand_is_not_shown_as_installed(self, acme: LiveEnvironment) -> None:
        acme.on.objects.patch_namespaced_custom_object(
            "kustomize.toolkit.fluxcd.io", "v1", "flux-system", "kustomizations", "applications", {"spec": {"suspend": True}}
        )
        acme.on.objects.delete_namespaced_custom_object("helm.toolkit.fluxcd.io", "v2", "flux-system", "helmreleases", "sessions")
        status = acme.wait("Removed", lambda s: reason_of(s, "sessions") == "Removed")
        assert status.condition("Ready").status == "False"
        acme.on.objects.patch_namespaced_custom_object(
            "kustomize.toolkit.fluxcd.io", "v1", "flux-system", "kustomizations", "applications", {"spec": {"suspend": False}}
        )
        acme.wait("Ready again", lambda s: s.condition("Ready").status == "True")


def test_all_of_openova_prod_becomes_ready(servers: Servers, catalog: str, second_cluster: Cluster, tmp_path: Path) -> None:
    stage = LiveEnvironment(servers, tmp_path, "openova", catalog, cluster=second_cluster, block="mgt", own_namespace=False)
    stage.connect()
    with stage.running():
        commit = stage.push_folder(FIXTURES / "environments" / "openova-prod")
        status = stage.wait("Ready", lambda s: s.input == commit and s.condition("Ready").status == "True", 300)
    total = len(list((FIXTURES / "environments" / "openova-prod" / "applications").iterdir()))
    assert len(status.applications) >= total
    assert {a.ready for a in status.applications} == {"True"}


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment of one test alone, with a catalog of its own."""
    organization = "t" + format(abs(hash(request.node.name)) % 10**8, "08d")
    return LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")


def test_unsigned_and_wrongly_signed_blueprints_are_refused(
    stage: LiveEnvironment, servers: Servers, keys: SigningKeys, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-good"))
    servers.publish(stage.prefix, blueprint(tmp_path / "b", "bp-unsigned"), unsigned=True)
    servers.publish(stage.prefix, blueprint(tmp_path / "c", "bp-stranger"), signer=keys.stranger)
    good = {"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-good")}
    stage.push(dict(good))
    code, _ = stage.once()
    resolved = stage.head("resolved")
    assert (code, resolved is not None) == (0, True)
    for name, word in (("bp-unsigned", "no signature"), ("bp-stranger", "signed")):
        commit = stage.push({"applications/two.yaml": stage.application("two", name)})
        code, result = stage.once()
        assert code == 1
        assert result["problems"][0]["code"] == "Untrusted"
        assert result["problems"][0]["file"] == "applications/two.yaml"
        assert result["problems"][0]["line"] == 8
        assert word in result["problems"][0]["message"], result["problems"][0]["message"]
        assert stage.head("resolved") == resolved
        status = stage.status()
        assert status is not None
        assert status.refused == commit


def test_a_refusal_heals_when_the_signature_arrives(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    folder = blueprint(tmp_path / "a", "bp-late")
    servers.publish(stage.prefix, folder, unsigned=True)
    commit = stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-late")})
    with stage.running():
        stage.wait("refused", lambda s: s.refused == commit)
        servers.publish(stage.prefix, folder)
        status = stage.wait("accepted", lambda s: s.refused is None)
    assert status.condition("Resolved").status == "True"


def test_without_a_kubeconfig_unknown_and_observing_begins_when_it_arrives(
    stage: LiveEnvironment, servers: Servers, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    commit = stage.push(
        {
            "environment.yaml": stage.environment(),
            f"applications/{stage.organization}.yaml": stage.application(stage.organization, "bp-app"),
        }
    )
    with stage.running():
        status = stage.wait("Unknown", lambda s: s.input == commit)
        assert status.condition("Ready").reason == "KubeconfigMissing"
        assert stage.log("status")[0] == f"{stage.name}: Unknown (KubeconfigMissing)"
        stage.connect()
        stage.ready(commit)
        shutil.move(stage.kubeconfigs / f"{stage.context}.yaml", tmp_path / "away")
        stage.wait("Unknown again", lambda s: s.condition("Ready").reason == "KubeconfigMissing")


def test_an_environment_is_discovered_by_its_topic_and_cannot_claim_to_be_another_s(
    stage: LiveEnvironment, servers: Servers
) -> None:
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    settings["gitea"] |= {"discover": True, "topic": stage.organization}
    settings["environments"] = []
    settings["intervals"] |= {"discover": 1}
    stage.config.write_bytes(dump(settings))
    with stage.running():
        time.sleep(2)
        commit = stage.push({"environment.yaml": stage.environment()})
        servers.gitea.client.put(f"repos/{stage.organization}/{stage.name}/topics/{stage.organization}").raise_for_status()
        stage.wait("a status", lambda s: s.input == commit and s.refused is None)
        theirs = stage.environment().replace(stage.organization.encode(), b"victim")
        commit = stage.push({"environment.yaml": theirs}, "take over")
        status = stage.wait("refused", lambda s: s.refused == commit)
    said = " ".join(p.message for p in status.problems)
    assert f"this repository is the Environment {stage.name}" in said
    assert f"this repository belongs to {stage.organization}" in said


def test_an_environment_without_applications_is_never_ready(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    del servers, tmp_path
    stage.connect()
    commit = stage.push({"environment.yaml": stage.environment()})
    with stage.running():
        status = stage.wait("a status", lambda s: s.input == commit)
        time.sleep(3)
    assert (status.condition("Ready").status, status.condition("Ready").reason) == ("Unknown", "NothingObserved")
    assert stage.log("status") == [f"{stage.name}: Unknown (NothingObserved)"]


def test_a_chart_that_never_gets_ready_fails_with_flux_s_own_message(
    stage: LiveEnvironment, servers: Servers, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-stuck", broken=True))
    stage.flux_timeout = "4s"
    stage.connect()
    name = f"{stage.organization}-stuck"
    commit = stage.push(
        {"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-stuck")}
    )
    with stage.running():
        status = stage.wait(
            "Failed", lambda s: s.input == commit and bool(s.applications) and s.applications[0].state == "Failed"
        )
    placement = status.applications[0].placements[0]
    assert placement.reason in {"InstallFailed", "RetriesExceeded", "MissingRollbackTarget"}
    assert "deadline" in placement.message.lower() or "timeout" in placement.message.lower()
    assert status.condition("Ready").status == "False"


def test_strings_that_look_like_other_things_reach_helm_as_strings(
    stage: LiveEnvironment, servers: Servers, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    tricky = {"a": "no", "b": "1e3", "c": "0x1f", "d": "012", "e": "1:20", "f": "2001-01-01", "g": "", "h": "null", "i": "1_000"}
    name = f"{stage.organization}-words"
    stage.connect()
    files: dict[str, bytes | None] = {
        "environment.yaml": stage.environment(),
        f"applications/{name}.yaml": stage.application(name, "bp-app", config=tricky),
    }
    commit = stage.push(files)
    with stage.running():
        stage.ready(commit)
    release = stage.on.release(stage.namespace, name)
    assert release is not None
    assert release["spec"]["values"] == tricky


def test_a_protected_branch_that_rejects_us_is_noticed(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-app")})
    rule = {"rule_name": "resolved", "branch_name": "resolved", "enable_push": False}
    where = f"repos/{stage.organization}/{stage.name}/branch_protections"
    servers.gitea.client.post(where, json=rule).raise_for_status()
    code, result = stage.once()
    assert code == 3
    assert result["blocker"]["reason"] == "Rejected"
    assert stage.head("resolved") is None
    status = stage.status()
    assert status is not None
    assert status.condition("Committed").status != "True"
    servers.gitea.client.delete(f"{where}/resolved").raise_for_status()
    code, _ = stage.once()
    assert code == 0
    assert stage.head("resolved") is not None


def test_killed_at_any_point_the_next_pass_finishes_the_job(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    stage.poll = 0.2
    for turn in range(6):
        name = f"app{turn}"
        commit = stage.push(
            {"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-app")}
        )
        process = stage.start()
        time.sleep(1.2 + 0.25 * turn)  # from before the first fetch to after the last push
        process.send_signal(signal.SIGKILL)
        process.wait()
        if turn == 3:
            shutil.rmtree(stage.folder / "state" / "clones")
        code, _ = stage.once()
        assert code == 0
        assert f"{name}.yaml" in stage.show("resolved", f"clusters/{stage.context}/kustomization.yaml").decode()
        status = stage.status()
        assert status is not None
        assert status.input == commit
    for branch in ("resolved", "status"):
        trees = stage.log(branch, "%T")
        assert all(a != b for a, b in itertools.pairwise(trees)), f"{branch} has a commit that changes nothing"
    assert len(stage.log("resolved")) == 6


def test_a_hundred_quiet_passes_leave_no_trace(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    name = f"{stage.organization}-app"
    stage.poll = 0.1
    stage.connect()
    commit = stage.push({"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-app")})
    repository = f"{stage.organization}/{stage.name}"
    with stage.running():
        stage.ready(commit)
        time.sleep(1)
        heads = stage.git("ls-remote", "origin")
        pushes, writes, passes = servers.gitea.pushes(repository), _writes(stage), _passes(stage)
        until = time.monotonic() + 60
        while _passes(stage) < passes + 100:
            assert time.monotonic() < until, "the passes are too slow"
            time.sleep(0.2)
        assert stage.git("ls-remote", "origin") == heads
        assert servers.gitea.pushes(repository) == pushes > 0
        assert _writes(stage) == writes > 0


def _passes(stage: LiveEnvironment) -> int:
    return (stage.folder / "reconciler.log").read_text().count('"event": "pass"')


def _writes(stage: LiveEnvironment) -> int:
    """How many writes to the API server our client has made, as the server's audit log has it."""
    return sum(1 for line in stage.on.audit_log.read_text().splitlines() if "python" in line and '"ResponseComplete"' in line)


def test_sigterm_ends_the_service_in_good_order(stage: LiveEnvironment) -> None:
    stage.push({"environment.yaml": stage.environment()})
    process = stage.start()
    stage.wait("a status", lambda _: True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(25) == 0
    log = (stage.folder / "reconciler.log").read_text()
    assert '"event": "stopped"' in log
    assert stage.servers.gitea.token not in log
    assert subprocess.run(["pgrep", "-f", str(stage.config)], check=False, capture_output=True).stdout == b""
