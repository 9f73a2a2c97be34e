"""`reconciler promote` on the real servers: from what is ready in one Environment to what is merged in another."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.adapters.gitea import Gitea
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.errors import RejectedError
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reconciler
from tests.live.support.gitea_users import GiteaUser

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.status import EnvironmentStatus

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SHOP = "applications/shop.yaml"
WRITTEN = b"""\
# The shop of production.
apiVersion: catalyst.openova.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  suspend: false      # not first
  blueprint:
    version: "^1.0"   # moved by promotion
    name: bp-shop
"""


class Promotions:
    """The command as an operator runs it, by a robot that is no administrator, and its pull requests."""

    def __init__(self, prod: LiveEnvironment, stg: LiveEnvironment) -> None:
        self.prod, self.stg = prod, stg
        self.where = f"{prod.organization}/{prod.name}"
        bot = GiteaUser.made(prod.servers.gitea, "promotion-bot")
        for stage in (prod, stg):
            bot.may_write(f"{stage.organization}/{stage.name}")
        settings = load(prod.config.read_bytes(), "c").data
        settings["environments"].append({"name": stg.name, "repository": f"{stg.organization}/{stg.name}"})
        settings["gitea"] |= {"username": bot.name, "tokenFile": "bot-token"}
        (prod.folder / "bot-token").touch(mode=0o600)
        (prod.folder / "bot-token").write_text(bot.token)
        self.config = prod.folder / "both.yaml"
        self.config.write_bytes(dump(settings))

    def once(self) -> None:
        """A pass over production by that robot."""
        done = reconciler("once", "-c", str(self.config), self.prod.name)
        assert done.returncode == 0, done.stdout + done.stderr

    def promote(self, *more: str) -> tuple[int, Any]:
        done = reconciler("promote", "-c", str(self.config), self.stg.name, self.prod.name, "--format", "json", *more)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def get(self, path: str) -> Any:
        return self.prod.servers.gitea.client.get(f"repos/{self.where}/{path}").raise_for_status().json()

    def style(self, style: str) -> None:
        """Have the repository take one way of merging alone."""
        ways = {"merge": "allow_merge_commits", "squash": "allow_squash_merge", "rebase": "allow_rebase"}
        allowed = {switch: way == style for way, switch in ways.items()}
        body = {**allowed, "allow_rebase_explicit": False, "allow_fast_forward_only_merge": False, "default_merge_style": style}
        self.prod.servers.gitea.client.patch(f"repos/{self.where}", json=body).raise_for_status()

    def shown(self, text: str) -> str:
        """Markdown as Gitea's pages show it."""
        body = {"Text": text, "Mode": "comment", "Context": f"/{self.where}"}
        page = self.prod.servers.gitea.client.post("markdown", json=body).raise_for_status().text
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def forge(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> Promotions:
    """A shop in 1.1.0 that is ready in staging, beside a blog; and in production a shop in 1.0.0."""
    organization = "m" + format(abs(hash(request.node.name)) % 10**8, "08d")
    prefix = f"{servers.registry}/{organization}"
    stg, prod = (LiveEnvironment(servers, tmp_path / kind, organization, prefix, env_type=kind) for kind in ("stg", "prod"))
    for stage in (stg, prod):
        stage.folder.mkdir()
    servers.publish(prefix, blueprint(tmp_path / "db", "bp-db"))
    servers.publish(prefix, blueprint(tmp_path / "shop", "bp-shop", spec={"depends": ["bp-db"]}))
    prod.push({"environment.yaml": prod.environment(), SHOP: WRITTEN})
    assert prod.once()[0] == 0
    servers.publish(prefix, blueprint(tmp_path / "newer", "bp-shop", "1.1.0", spec={"depends": ["bp-db"]}))
    blog, shop = stg.application("blog", "bp-db"), stg.application("shop", "bp-shop", "^1.1")
    stg.push({"environment.yaml": stg.environment(), "applications/blog.yaml": blog, SHOP: shop})
    stg.connect()
    with stg.running():
        stg.wait("the shop is ready", lambda s: is_told(s, "1.1.0", "True"))
    return Promotions(prod, stg)


def is_told(status: EnvironmentStatus, version: str, ready: str) -> bool:
    return any((a.name, a.version, a.ready) == ("shop", version, ready) for a in status.applications)


def test_one_pull_request_from_staging_to_production(forge: Promotions) -> None:
    prod, stg = forge.prod, forge.stg
    code, found = forge.promote()
    assert (code, found["what"], found["merged"]) == (0, "opened", None), found
    number = found["pullRequest"]
    assert [(p["application"], p["from"], p["to"]) for p in found["pins"]] == [("shop", "^1.0", "1.1.0")]
    assert found["pins"][0]["readySince"].startswith("20")
    assert 0 <= found["pins"][0]["readySeconds"] < 600
    assert [one["application"] for one in found["skipped"]] == ["blog"]
    opened = forge.get(f"pulls/{number}")
    assert opened["title"] == f"Promote shop 1.1.0 from {stg.name}"
    shown = forge.shown(opened["body"])
    assert f"shop bp-shop ^1.0 (1.0.0 runs) -> 1.1.0 {found['pins'][0]['digest'][7:19]}" in shown
    assert "blog: it is not declared there" in shown
    assert prod.show(f"promote/{stg.name}", SHOP) == WRITTEN.replace(b"^1.0", b"1.1.0")
    code, again = forge.promote("--merge", "--wait", "2")
    assert (code, again["merged"]) == (1, False)
    assert again["what"] in {"as it was", "updated"}, "the soak goes on"
    assert again["notMerged"].startswith("catalyst/plan is pending")
    assert again["commit"] == found["commit"]
    forge.once()
    (comment,) = [one["body"] for one in forge.get(f"issues/{number}/comments")]
    assert "shop 1.0.0 -> 1.1.0" in forge.shown(comment)


def test_it_is_merged_at_the_commit_that_was_judged(forge: Promotions, servers: Servers) -> None:
    prod = forge.prod
    first = forge.promote()[1]
    prod.push({SHOP: WRITTEN.replace(b"of production", b"of production, and of everybody")})
    code, moved = forge.promote()
    assert (code, moved["what"], moved["pullRequest"]) == (0, "updated", first["pullRequest"])
    assert len(forge.get("pulls?state=open")) == 1
    forge.once()
    with Gitea(servers.gitea.url, servers.gitea.token) as gitea, pytest.raises(RejectedError, match="head out of date"):
        gitea.merge(forge.where, first["pullRequest"], first["commit"])
    forge.style("squash")
    code, merged = forge.promote("--merge")
    assert (code, merged["merged"]) == (0, True), merged
    assert len(forge.get(f"git/commits/{forge.get('branches/main')['commit']['id']}")["parents"]) == 1, (
        "as the repository wants it"
    )
    assert b"of everybody" in prod.show("main", SHOP)
    assert b'version: "1.1.0"   # moved by promotion' in prod.show("main", SHOP)
    forge.once()
    assert b'version: "1.1.0"' in prod.show("resolved", "environment.lock.yaml")
    assert forge.promote()[1]["what"] == "nothing to promote"


def test_what_is_not_ready_in_staging_is_refused_by_name(forge: Promotions, servers: Servers, tmp_path: Path) -> None:
    stg = forge.stg
    servers.publish(stg.prefix, blueprint(tmp_path / "broken", "bp-shop", "1.2.0", spec={"depends": ["bp-db"]}, broken=True))
    stg.push({SHOP: stg.application("shop", "bp-shop", "1.2.0")})
    with stg.running():
        stg.wait("the shop is not ready", lambda s: is_told(s, "1.2.0", "False"))
    code, refused = forge.promote("shop")
    assert (code, refused["what"], refused["pullRequest"]) == (1, "refused", None)
    assert refused["skipped"][0]["application"] == "shop"
    assert re.search(rf"in {stg.name}, not ready: \w+ on {stg.context}", refused["skipped"][0]["why"])
    assert forge.get("pulls?state=open") == []
