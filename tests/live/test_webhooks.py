"""Webhooks of the real Gitea: it delivers, the reconciler looks at once, and keeps its webhook as it should be."""

from __future__ import annotations

import json
import secrets
import socket
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.adapters.gitea.webhooks import REPORTED_EVENTS, REQUESTED_EVENTS
from reconciler.domain.review.plan_comment import MARKER
from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.live.support.signing_keys import SigningKeys

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NEVER = 3000.0  # seconds: what comes before that came by a webhook
SOON = 20.0


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def eventually(what: Callable[[], Any], why: str, seconds: float = SOON) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, why
        time.sleep(0.05)
    return found


@dataclass
class Hooked(LiveEnvironment):
    """A Stage whose reconciler has a server, and seldom looks by itself."""

    poll: float = NEVER
    confirm: float = NEVER
    token: str = ""
    username: str = ""
    secret: str = "the secret of a sandbox"  # noqa: S105
    port: int = 0

    def __post_init__(self) -> None:
        self.port = free_port()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/webhook"

    @cached_property
    def config(self) -> Path:
        file: Path = LiveEnvironment.config.func(self)  # type: ignore[attr-defined]
        settings = load(file.read_bytes(), str(file)).data
        settings["http"] = {"listen": f"127.0.0.1:{self.port}", "address": self.base, "secretFile": "webhook-secret"}
        settings["intervals"] |= {"confirm": self.confirm, "discover": NEVER}
        self.write_secret(self.secret)
        if self.token:
            (self.folder / "token").write_text(self.token)
            settings["gitea"]["username"] = self.username
        file.write_bytes(dump(settings))
        return file

    def write_secret(self, secret: str) -> None:
        file = self.folder / "webhook-secret"
        file.touch(mode=0o600)
        file.write_text(secret)

    # What people see

    @property
    def where(self) -> str:
        return f"repos/{self.organization}/{self.name}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.servers.gitea.client.request(method, f"{self.where}/{path}", json=body).raise_for_status()
        return answer.json() if answer.content else None

    def hooks(self) -> list[dict[str, Any]]:
        return [one for one in self.ask("GET", "hooks") if one["config"]["url"] == self.url]

    def measured(self) -> dict[str, float]:
        text = httpx.get(f"{self.base}/metrics", timeout=10).raise_for_status().text
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    def delivered(self, result: str) -> float:
        return self.measured().get(f'reconciler_deliveries_total{{result="{result}"}}', 0.0)

    def told(self, event: str) -> list[dict[str, Any]]:
        """The lines of the reconciler's log about something."""
        lines = (self.folder / "reconciler.log").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["event"] == event]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A reconciler that runs, has looked at everything and has registered its webhook."""
        before = len(self.told("webhook registered")) if (self.folder / "reconciler.log").exists() else 0
        with self.running():
            eventually(lambda: len(self.told("webhook registered")) > before, "the webhook is not registered", 60)
            eventually(lambda: httpx.get(f"{self.base}/readyz", timeout=10).status_code == 200, "it does not get ready")
            yield


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> Hooked:
    organization = "w" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = Hooked(servers, tmp_path, organization, f"{servers.registry}/{organization}")
    servers.publish(stage.prefix, blueprint(tmp_path / "shop", "bp-shop"))
    _ = stage.work
    return stage


def first(stage: Hooked) -> dict[str, bytes | None]:
    return {"environment.yaml": stage.environment(), "applications/shop.yaml": stage.application("shop", "bp-shop")}


def looked_at(stage: Hooked, commit: str) -> None:
    """Wait until the status is about a commit."""
    eventually(lambda: (found := stage.status()) and found.input == commit, f"{commit} was not looked at")


def test_a_push_starts_its_pass_at_once(stage: Hooked, capsys: pytest.CaptureFixture[str]) -> None:
    with stage.listening():
        (hook,) = stage.hooks()
        assert (hook["active"], hook["config"]["content_type"], frozenset(hook["events"])) == (True, "json", REPORTED_EVENTS)
        assert hook["branch_filter"] == "main"
        took = []
        for n in range(6):
            commit = stage.push(first(stage) if n == 0 else {"notes.md": b"%d" % n})
            pushed = time.time()
            looked_at(stage, commit)
            told = eventually(lambda n=n: stage.told("delivery")[n:], "the delivery is not in the log")  # type: ignore[misc]
            took.append(datetime.fromisoformat(told[0]["timestamp"]).timestamp() - pushed)
        assert stage.head("resolved") is not None
        found = stage.measured()
        assert stage.delivered("accepted") == len(took)
        assert found['reconciler_environments{ready="Unknown"}'] == 1, "no cluster is connected"
        assert found["reconciler_wake_seconds_count"] == len(took)
    wakes = {le: found[f'reconciler_wake_seconds_bucket{{le="{le}"}}'] for le in ("0.005", "0.025", "0.1", "0.25")}
    with capsys.disabled():
        mean = found["reconciler_wake_seconds_sum"] / len(took)
        print(f"\nfrom a push to its delivery: {[round(one * 1000) for one in took]} ms")  # noqa: T201
        print(f"from its delivery to its pass: {mean * 1000:.1f} ms on average; {wakes}")  # noqa: T201


def test_only_what_people_do_makes_work(stage: Hooked) -> None:
    with stage.listening():
        commit = stage.push(first(stage))
        looked_at(stage, commit)
        eventually(lambda: stage.delivered("ignored") >= 2, "our own commit statuses are delivered")
        assert stage.measured()["reconciler_wake_seconds_count"] == 1
        stage.ask("POST", f"statuses/{commit}", {"context": "re-score", "state": "success", "description": "81"})
        eventually(lambda: stage.measured()["reconciler_wake_seconds_count"] == 2, "another's commit status starts no pass")
        stage.git("push", "-q", "origin", "HEAD:refs/heads/elsewhere", "HEAD:refs/tags/v1")
        looked_at(stage, stage.push({"notes.md": b"1"}))  # deliveries come in their order
        assert stage.delivered("accepted") == 3


def test_a_pull_request_is_planned_at_once(stage: Hooked) -> None:
    with stage.listening():
        looked_at(stage, stage.push(first(stage)))
        stage.git("checkout", "-q", "-b", "blog")
        (stage.work / "applications" / "blog.yaml").write_bytes(stage.application("blog", "bp-shop"))
        stage.git("add", "-A")
        stage.git("commit", "-q", "-m", "a proposal")
        stage.git("push", "-q", "origin", "blog")
        number = stage.ask("POST", "pulls", {"title": "a blog", "head": "blog", "base": "main"})["number"]

        def comments() -> list[str]:
            return [c["body"] for c in stage.ask("GET", f"issues/{number}/comments") if c["body"].startswith(MARKER)]

        eventually(comments, "a pull request that was opened is not planned")
        (opened,) = comments()
        (stage.work / "applications" / "blog.yaml").unlink()
        (stage.work / "applications" / "wiki.yaml").write_bytes(stage.application("wiki", "bp-shop"))
        stage.git("add", "-A")
        stage.git("commit", "-q", "-m", "another name")
        stage.git("push", "-q", "origin", "blog")
        eventually(lambda: comments() != [opened], "a push to a pull request is not planned")
        woken = stage.delivered("accepted")
        review = {"event": "APPROVED", "body": "good", "commit_id": stage.git("rev-parse", "HEAD")}
        with person(stage) as who:
            who.post(f"{stage.where}/pulls/{number}/reviews", json=review).raise_for_status()
        eventually(lambda: stage.delivered("accepted") > woken, "a review makes no delivery")
        api = stage.servers.gitea.client
        merged(lambda: api.post(f"{stage.where}/pulls/{number}/merge", json={"Do": "merge"})).raise_for_status()
        eventually(lambda: "wiki.yaml" in "".join(resolved_files(stage)), "a merge is not resolved")
        eventually(lambda: stage.head(f"plan/pr-{number}") is None, "the plan of a merged pull request stays")


def resolved_files(stage: Hooked) -> list[str]:
    stage.git("fetch", "-q", "origin", "+refs/heads/resolved:refs/remotes/origin/resolved")
    return stage.git("ls-tree", "-r", "--name-only", "origin/resolved").splitlines()


def person(stage: Hooked, permission: str = "write") -> httpx.Client:
    """Somebody else, who has a permission on the repository; a client of theirs."""
    gitea = stage.servers.gitea
    name, password = f"p{secrets.token_hex(4)}", secrets.token_hex(12)
    body = {"username": name, "email": f"{name}@sandbox.invalid", "password": password, "must_change_password": False}
    gitea.client.post("admin/users", json=body).raise_for_status()
    stage.ask("PUT", f"collaborators/{name}", {"permission": permission})
    scopes = {"name": "t", "scopes": ["write:repository", "write:issue"]}
    made = httpx.post(f"{gitea.url}/api/v1/users/{name}/tokens", json=scopes, auth=(name, password), timeout=30)
    token = made.raise_for_status().json()["sha1"]
    stage.username, stage.token = name, token
    return httpx.Client(base_url=f"{gitea.url}/api/v1/", headers={"Authorization": f"token {token}"}, timeout=30)


def test_what_somebody_does_to_the_webhook_is_repaired(stage: Hooked) -> None:
    stage.poll, stage.confirm = 1.0, 1.0
    fine = {"active": True, "branch_filter": "main", "events": REPORTED_EVENTS}

    def well(than: int = 0) -> bool:
        found = [{**one, "events": frozenset(one["events"])} for one in stage.hooks()]
        return len(found) == 1 and fine.items() <= found[0].items() and found[0]["id"] != than

    with stage.listening():
        same = {"events": sorted(REQUESTED_EVENTS), "branch_filter": "main"}
        for change in (
            {"active": False, **same},
            {**same, "events": ["push"]},
            {**same, "branch_filter": "release"},
            {**same, "config": {"content_type": "form"}},
        ):
            eventually(well, "it is not as it should be")
            (hook,) = stage.hooks()
            stage.ask("PATCH", f"hooks/{hook['id']}", change)
            eventually(lambda than=hook["id"]: well(than), f"{change} stays")  # type: ignore[misc]
        (hook,) = stage.hooks()
        stage.ask("DELETE", f"hooks/{hook['id']}")
        eventually(well, "a webhook that was removed does not come back")
        (hook,) = stage.hooks()
        for url in (stage.url, "http://127.0.0.1:9/of-somebody-else"):
            stage.ask("POST", "hooks", {"type": "gitea", "config": {"url": url, "content_type": "json"}, "events": ["push"]})
        eventually(well, "there are two of ours")
        assert [one["id"] for one in stage.hooks()] == [hook["id"]]
        assert len(stage.ask("GET", "hooks")) == 2, "that of somebody else stays"


def test_a_webhook_with_another_secret_does_nothing_and_is_replaced_at_the_next_start(stage: Hooked) -> None:
    with stage.listening():
        looked_at(stage, stage.push(first(stage)))
        commit = ""
        for secret in ("that of a stranger, which is long", ""):
            for hook in stage.hooks():
                stage.ask("DELETE", f"hooks/{hook['id']}")
            config = {"url": stage.url, "content_type": "json", "secret": secret}
            forged = {"type": "gitea", "active": True, "config": config, "events": ["push"], "branch_filter": "main"}
            stage.ask("POST", "hooks", forged)
            woken, denied = stage.delivered("accepted"), stage.delivered("denied")
            commit = stage.push({"notes.md": secret.encode()})
            eventually(lambda denied=denied: stage.delivered("denied") > denied, "it is not denied")  # type: ignore[misc]
            told = stage.status()
            assert (stage.delivered("accepted"), told and told.input != commit) == (woken, True)
    with stage.listening():
        looked_at(stage, commit)
        looked_at(stage, stage.push({"notes.md": b"3"}))
        assert stage.delivered("denied") == 0
    stage.write_secret("another secret of this sandbox")
    with stage.listening():
        looked_at(stage, stage.push({"notes.md": b"4"}))
        assert (stage.delivered("denied"), len(stage.hooks())) == (0, 1)
    text = (stage.folder / "reconciler.log").read_text()
    assert not [secret for secret in (stage.secret, "another secret of this sandbox") if secret in text]


def test_without_admin_rights_it_says_what_it_lacks_and_reconciles(stage: Hooked) -> None:
    stage.poll = 1.0
    person(stage).close()
    with stage.running():
        looked_at(stage, stage.push(first(stage)))
        told = eventually(lambda: stage.told("webhook cannot be registered"), "nothing is said")
        assert "admin rights" in told[0]["hint"]
        assert stage.hooks() == []
        assert stage.head("resolved") is not None
        stage.ask("PUT", f"collaborators/{stage.username}", {"permission": "admin"})
        eventually(stage.hooks, "it is not tried again")


def test_a_change_of_policies_is_looked_at_at_once(stage: Hooked, keys: SigningKeys) -> None:
    api, owner = stage.servers.gitea.client, stage.organization
    stage.servers.gitea.create_repository("catalyst-config", owner)
    path = f"repos/{owner}/catalyst-config"

    def trust(key: str) -> None:
        spec = {"artifacts": [f"{stage.prefix}/*"], "authorities": [{"name": "release", "key": key}]}
        policy = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": "o"}, "spec": spec}
        where = f"{path}/contents/trust/openova.yaml"
        old = api.get(where)
        body = {"content": b64encode(dump(policy)).decode(), "message": "trust", "branch": "main"}
        if old.status_code == 200:
            api.put(where, json={**body, "sha": old.json()["sha"]}).raise_for_status()
        else:
            api.post(where, json=body).raise_for_status()

    trust(keys.stranger.public_key)
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    settings["trust"] = {"repository": f"{owner.upper()}/Catalyst-Config", "reverifyInterval": NEVER}
    stage.config.write_bytes(dump(settings))
    config = {"url": stage.url, "content_type": "json", "secret": stage.secret}
    body = {"type": "gitea", "active": True, "config": config, "events": ["push"]}
    api.post(f"{path}/hooks", json=body).raise_for_status()
    with stage.listening():
        looked_at(stage, stage.push(first(stage)))
        assert stage.head("resolved") is None
        trust(keys.trusted.public_key)
        eventually(lambda: stage.head("resolved"), "the new policy was not looked at")
