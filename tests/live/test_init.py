"""`reconciler init` on the real Gitea: what people can and cannot do afterwards, and that the reconciler can do its work."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.commands.validate import validate_path
from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, merged, reconciler
from tests.live.support.gitea_users import GiteaUser, change, git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


class PreparedRepository:
    """An Environment that is not there yet, its reconciler, and somebody who may write it."""

    def __init__(self, servers: Servers, folder: Path, organization: str) -> None:
        self.gitea = servers.gitea
        self.stage = LiveEnvironment(servers, folder, organization, f"{servers.registry}/{organization}")
        self.where = f"{organization}/{self.stage.name}"
        self.person = GiteaUser.made(self.gitea, f"person-of-{organization}")

    def organize(self) -> None:
        self.gitea.client.post("orgs", json={"username": self.stage.organization}).raise_for_status()

    def reached_at(self, address: str) -> None:
        """Let Gitea know where the reconciler is."""
        settings = load(self.stage.config.read_bytes(), "c").data
        settings["http"] = {"listen": "127.0.0.1:9", "address": address, "secret": "a secret of this test"}
        self.stage.config.write_bytes(dump(settings))

    def init(self, *more: str) -> tuple[int, Any]:
        arguments = ("-c", str(self.stage.config), self.where, "--format", "json", *more)
        done = reconciler("init", *arguments, CATALYST_GITEA__TOKEN=self.gitea.token)
        return done.returncode, json.loads(done.stdout)

    def get(self, path: str) -> Any:
        return self.gitea.client.get(f"repos/{self.where}/{path}").raise_for_status().json()

    def hooks(self) -> dict[int, str]:
        return {one["id"]: one["config"]["url"] for one in self.get("hooks")}

    def propose(self, branch: str, base: str = "main") -> int:
        body = {"title": "a proposal", "head": branch, "base": base}
        return int(self.person.post(f"repos/{self.where}/pulls", body).raise_for_status().json()["number"])

    def merge(self, number: int, by: GiteaUser) -> tuple[int, str]:
        answer = merged(lambda: by.post(f"repos/{self.where}/pulls/{number}/merge", {"Do": "merge"}))
        return answer.status_code, answer.text

    def once(self) -> None:
        done = reconciler("once", "-c", str(self.stage.config))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "not reviewed" not in done.stderr, done.stderr


@pytest.fixture
def scene(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> PreparedRepository:
    return PreparedRepository(servers, tmp_path, "i" + format(abs(hash(request.node.name)) % 10**8, "08d"))


def told(found: Any) -> dict[str, str]:
    return {one["step"]: one["what"] for one in found["steps"]}


@pytest.mark.parametrize("admin", [False, True])
def test_people_propose_and_the_reconciler_decides(
    scene: PreparedRepository, servers: Servers, tmp_path: Path, admin: bool
) -> None:
    stage, person = scene.stage, scene.person
    servers.publish(stage.prefix, blueprint(tmp_path / "shop", "bp-shop"))
    bot = GiteaUser.made(scene.gitea, "catalyst-bot")
    if admin:
        scene.reached_at("http://127.0.0.1:9")
    else:
        bot.runs(scene.stage)
    code, found = scene.init("--placement", stage.context)
    assert (code, found["fault"]["kind"]) == (3, "Missing")
    assert f"has no organization {stage.organization}" in found["fault"]["message"]
    scene.organize()
    code, found = scene.init()
    assert (code, told(found)) == (1, {"main": "missing"})
    code, found = scene.init("--placement", stage.context)
    assert (code, found["fault"]) == (0, None)
    assert told(found) == {
        "repository": "created",
        "main": "created",
        "access": "as it was" if admin else "changed",
        "protection of main": "created",
        "protection of resolved": "created",
        "protection of status": "created",
        "protection of plan": "created",
        "protection of plan/**": "created",
        **({"webhook": "created"} if admin else {}),
        "topic": "created",
    }
    before = scene.get("branch_protections"), scene.get("branches"), scene.get("topics"), scene.hooks()
    assert list(before[3].values()) == (["http://127.0.0.1:9/webhook"] if admin else [])
    code, found = scene.init()
    assert (code, set(told(found).values())) == (0, {"as it was"})
    assert (scene.get("branch_protections"), scene.get("branches"), scene.get("topics"), scene.hooks()) == before

    person.may_write(scene.where)
    clone = person.clone(scene.where, tmp_path / "clone")
    assert validate_path(clone) == ()
    scene.once()
    head = change(clone, "shop", {"applications/shop.yaml": stage.application("shop", "bp-shop")})
    for branch in ("main", "resolved", "status", "plan/pr-1", "plan/pr-9", "plan/pr-8/x", "plan"):
        pushed = git(clone, "push", "--force", "origin", f"HEAD:refs/heads/{branch}")
        assert pushed.returncode != 0, branch
        assert re.search("protected branch|protected from force push", pushed.stderr), (branch, pushed.stderr)
    for branch in ("resolved", "status"):
        on_top = git(clone, "commit-tree", f"origin/{branch}^{{tree}}", "-p", f"origin/{branch}", "-m", "theirs").stdout.strip()
        assert "Not allowed to push to protected branch" in git(clone, "push", "origin", f"{on_top}:refs/heads/{branch}").stderr
        assert "protected from deletion" in git(clone, "push", "origin", f":{branch}").stderr
    assert git(clone, "push", "-q", "origin", "shop").returncode == 0

    number = scene.propose("shop")
    status, words = scene.merge(number, person)
    assert (status, "Not all required status checks successful" in words) == (405, True), words
    scene.once()
    assert scene.get(f"branches/plan%2Fpr-{number}")["protected"] is True
    marks = {one["context"]: one["status"] for one in scene.get(f"commits/{head}/status")["statuses"]}
    assert marks["catalyst/plan"] == "success"
    status, words = scene.merge(scene.propose("shop", "resolved"), person)
    assert (status, "not allowed to merge" in words) == (405, True), words
    status, words = scene.merge(number, person)
    assert status == 200, words

    scene.once()
    assert "There is no plan" in shown(clone, f"plan/pr-{number}", "README.md")
    assert "name: shop" in shown(clone, "resolved", f"clusters/{stage.context}/shop.yaml")
    refs = git(clone, "ls-remote", "origin").stdout
    scene.once()
    assert [line for line in refs.splitlines() if "confirmed" not in line] == [
        line for line in git(clone, "ls-remote", "origin").stdout.splitlines() if "confirmed" not in line
    ], "quiet again"


def shown(clone: Path, branch: str, file: str) -> str:
    assert git(clone, "fetch", "-q", "origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}").returncode == 0
    return git(clone, "show", f"origin/{branch}:{file}").stdout


def test_what_people_wrote_and_demanded_stays(scene: PreparedRepository, tmp_path: Path) -> None:
    scene.gitea.create_repository(scene.stage.name, scene.stage.organization)
    api, where = scene.gitea.client, f"repos/{scene.where}"
    scene.person.may_write(scene.where)
    clone = scene.person.clone(scene.where, tmp_path / "clone")
    (clone / "README.md").write_text("theirs\n")
    for arguments in (
        ("checkout", "-q", "-b", "main"),
        ("add", "-A"),
        ("commit", "-qm", "first"),
        ("push", "-q", "origin", "main"),
    ):
        assert git(clone, *arguments).returncode == 0
    api.put(f"{where}/topics", json={"topics": ["theirs"]}).raise_for_status()
    theirs = {
        "rule_name": "**",
        "required_approvals": 2,
        "enable_push": True,
        "enable_status_check": True,
        "status_check_contexts": ["ci"],
    }
    api.post(f"{where}/branch_protections", json=theirs).raise_for_status()
    heads = git(clone, "ls-remote", "origin").stdout

    code, found = scene.init("--placement", scene.stage.context)
    assert (code, told(found)["main"], told(found)["repository"]) == (1, "missing", "as it was")
    assert git(clone, "ls-remote", "origin").stdout == heads
    assert set(scene.get("topics")["topics"]) == {"theirs", "catalyst-environment"}
    main = scene.get("branches/main")
    assert main["effective_branch_protection_name"] == "main"
    assert (main["required_approvals"], main["status_check_contexts"]) == (2, ["ci", "catalyst/plan", "catalyst/policy"])
    assert main["user_can_push"] is True, "they let people push to main, and so they still do"
    rules = scene.get("branch_protections")
    assert next(one for one in rules if one["rule_name"] == "**")["required_approvals"] == 2
    assert [one["rule_name"] for one in rules][-1] == "**", "it hides none of the others"
    assert scene.init("--placement", scene.stage.context)[0] == 1
    assert scene.get("branch_protections") == rules
    pushed = git(clone, "push", "origin", "HEAD:refs/heads/resolved")
    assert "protected branch" in pushed.stderr


def test_without_the_rights_it_says_whose_token_it_takes(scene: PreparedRepository) -> None:
    scene.gitea.create_repository(scene.stage.name, scene.stage.organization)
    bot = GiteaUser.made(scene.gitea, "catalyst-bot")
    bot.may_write(scene.where)
    bot.runs(scene.stage)
    done = reconciler("init", "-c", str(scene.stage.config), scene.where, "--placement", scene.stage.context)
    assert done.returncode == 3
    assert "use the token of an administrator of the repository: CATALYST_GITEA__TOKEN" in done.stderr
    assert bot.token not in done.stdout + done.stderr
