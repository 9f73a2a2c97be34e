"""EnvironmentPolicies on the real Gitea: real people in real teams, every route to main, and every way round the rules."""

from __future__ import annotations

import base64
import json
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, merged, reconciler
from tests.live.support.gitea_users import GiteaUser, git
from tests.live.support.pull_requests import PullRequestsOnGitea

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

REQUIRED = {"kind": "pr-required", "approvers": ["platform"], "minApprovals": 1}
NEVER = {"kind": "change-window", "cron": "0 0 29 2 *", "duration": "1h"}
ALWAYS = {"kind": "change-window", "cron": "* * * * *", "duration": "1h"}


class GovernedRepository:
    """An Environment whose shop is resolved, its people, and the policies of its Sovereign in a system repository."""

    def __init__(self, stage: LiveEnvironment) -> None:
        self.stage, self.forge = stage, PullRequestsOnGitea(stage)
        self.api, self.gitea = stage.servers.gitea.client, stage.servers.gitea
        self.system = f"{stage.organization}/catalyst-config"
        self.people: dict[str, httpx.Client] = {}
        self.team = self.make_team("platform")

    def make_team(self, name: str) -> int:
        body = {"name": name, "permission": "write", "units": ["repo.code", "repo.pulls"], "includes_all_repositories": True}
        made = self.api.post(f"orgs/{self.stage.organization}/teams", json=body).raise_for_status().json()
        return int(made["id"])

    def person(self, name: str, *, approver: bool = True) -> str:
        """A user of the forge, who may write the repository; return the login."""
        login = f"{name}-{self.stage.organization}"
        body = {"username": login, "email": f"{login}@example.org", "password": "s3cret-pass", "must_change_password": False}
        self.api.post("admin/users", json=body).raise_for_status()
        self.api.put(f"repos/{self.forge_name}/collaborators/{login}", json={"permission": "write"}).raise_for_status()
        if approver:
            self.join(login)
        self.people[login] = httpx.Client(base_url=f"{self.gitea.url}/api/v1/", auth=(login, "s3cret-pass"), timeout=30)
        return login

    @property
    def forge_name(self) -> str:
        return f"{self.stage.organization}/{self.stage.name}"

    def join(self, login: str) -> None:
        self.api.put(f"teams/{self.team}/members/{login}").raise_for_status()

    def leave(self, login: str) -> None:
        self.api.delete(f"teams/{self.team}/members/{login}").raise_for_status()

    def review(self, login: str, number: int, event: str = "APPROVED", commit: str = "") -> httpx.Response:
        body = {"event": event, "body": "words", **({"commit_id": commit} if commit else {})}
        return self.people[login].post(f"repos/{self.forge_name}/pulls/{number}/reviews", json=body)

    def approve(self, login: str, number: int) -> int:
        return int(self.review(login, number).raise_for_status().json()["id"])

    def rule(self, *rules: dict[str, Any], text: bytes | None = None) -> str:
        """Put a policy into the system repository; return the commit."""
        head = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "EnvironmentPolicy", "metadata": {"name": "p"}}
        spec = {"appliesTo": {"environments": [self.stage.name]}, "rules": list(rules)}
        return self.write("policies/p.yaml", text if text is not None else dump({**head, "spec": spec}))

    def write(self, path: str, content: bytes | None) -> str:
        where = f"repos/{self.system}/contents/{path}"
        there = self.api.get(where)
        body: dict[str, Any] = {"branch": "main", "message": "x"}
        if content is not None:
            body["content"] = base64.b64encode(content).decode()
        if there.status_code == 200:
            body["sha"] = there.json()["sha"]
        method = "DELETE" if content is None else "PUT" if there.status_code == 200 else "POST"
        return str(self.api.request(method, where, json=body).raise_for_status().json()["commit"]["sha"])

    def once(self) -> tuple[int, dict[str, Any]]:
        code, outcome = self.stage.once()
        return code, outcome

    def admitted(self) -> tuple[str, str, str]:
        self.once()
        status = self.stage.status()
        assert status is not None
        found = status.condition("Admitted")
        return found.status, found.reason, found.message

    def names(self) -> list[str]:
        lock = self.stage.git("show", "origin/resolved:environment.lock.yaml") if self._fetched() else ""
        return [one["application"] for one in load(lock.encode(), "lock").data["packages"]]

    def _fetched(self) -> bool:
        self.stage.git("fetch", "-q", "--prune", "origin")
        return True

    def marks(self, commit: str, where: str = "") -> dict[str, tuple[str, str]]:
        found = self.api.get(f"repos/{where or self.forge_name}/commits/{commit}/status").raise_for_status().json()
        return {one["context"]: (one["status"], one["description"]) for one in found["statuses"] or ()}

    def branch(self, name: str, *applications: str, by: str = "") -> tuple[int, str]:
        """A pull request that adds Applications, each in a commit of its own."""
        stage = self.stage
        stage.git("fetch", "-q", "origin")
        stage.git("checkout", "-q", "-B", name, "origin/main")
        for one in applications:
            (stage.work / "applications" / f"{one}.yaml").write_bytes(stage.application(one, "bp-shop"))
            stage.git("add", "-A")
            stage.git("commit", "-q", "-m", f"add {one}")
        stage.git("push", "-q", "--force", "origin", name)
        head = stage.git("rev-parse", "HEAD")
        stage.git("checkout", "-q", "main")
        if not by:
            return self.forge.open(name), head
        body = {"title": "x", "head": name, "base": "main"}
        made = self.people[by].post(f"repos/{self.forge_name}/pulls", json=body).raise_for_status().json()
        return int(made["number"]), head


@pytest.fixture(scope="module")
def prefix(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where bp-shop is published, for all tests: what they are about stands in git and on the forge."""
    prefix = f"{servers.registry}/governed"
    servers.publish(prefix, blueprint(tmp_path_factory.mktemp("shop"), "bp-shop"))
    return prefix


@pytest.fixture
def house(servers: Servers, prefix: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[GovernedRepository]:
    organization = "o" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = LiveEnvironment(servers, tmp_path, organization, prefix)
    stage.push({"environment.yaml": stage.environment(), "applications/shop.yaml": stage.application("shop", "bp-shop")})
    servers.gitea.create_repository("catalyst-config", organization)
    made = GovernedRepository(stage)
    made.write("trust/openova.yaml", (stage.config.parent / "trust" / "openova.yaml").read_bytes())
    settings = load(stage.config.read_bytes(), "c").data
    settings["trust"] = {"repository": made.system}
    stage.config.write_bytes(dump(settings))
    code, outcome = made.once()
    assert code == 0, outcome
    made.rule(REQUIRED)
    try:
        yield made
    finally:
        for one in made.people.values():
            one.close()


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "rebase-merge", "fast-forward-only"])
def test_what_was_approved_is_applied_however_it_was_merged(house: GovernedRepository, how: str) -> None:
    reviewer = house.person("ada")
    number, head = house.branch("two", "blog", "site")
    house.once()
    assert house.marks(head)["catalyst/policy"] == ("pending", f"p: 1 more of platform must approve pull request {number}")
    assert "1 more of platform must approve" in house.forge.comment(number)
    house.approve(reviewer, number)
    house.once()
    assert house.marks(head)["catalyst/policy"][0] == "success"
    assert "applied at once" in house.forge.comment(number)
    if how != "fast-forward-only":
        house.stage.push({"README.md": b"words"})
    house.forge.merge(number, how)
    status = house.admitted()
    assert status[:2] == ("True", "Admitted"), status
    assert house.names() == ["blog", "shop", "site"]


def test_a_terminal_tells_the_rules_too(house: GovernedRepository) -> None:
    reviewer, config = house.person("ada"), ("-c", str(house.stage.config), house.stage.name)
    number, _ = house.branch("blog", "blog")
    house.once()
    (house.stage.work / "applications" / "site.yaml").write_bytes(house.stage.application("site", "bp-shop"))
    told = reconciler("plan", *config, "--path", str(house.stage.work)).stdout
    assert told.endswith("policy: merged now, it is held\n  pr-required (p): 1 of platform must approve its pull request\n")
    told = reconciler("plan", *config, "--ref", f"pull/{number}").stdout
    assert f"pr-required (p): 1 more of platform must approve pull request {number}\n" in told
    house.approve(reviewer, number)
    for ref in (f"pull/{number}", "blog"):
        told = reconciler("plan", *config, "--ref", ref).stdout
        assert told.endswith("policy: merged now, it is applied at once\n  pr-required (p): approved by platform\n")
    found = json.loads(reconciler("plan", *config, "--ref", f"pull/{number}", "--format", "json").stdout)
    assert [(one["kind"], one["holds"]) for one in found["policy"]] == [("pr-required", "True")]
    house.stage.push({"applications/site.yaml": house.stage.application("site", "bp-shop")})
    assert "main is held already" in reconciler("plan", *config, "--ref", f"pull/{number}").stdout


def test_the_rights_that_are_asked_for_suffice(house: GovernedRepository) -> None:
    reviewer, robot = house.person("ada"), GiteaUser.made(house.gitea, f"robot-of-{house.stage.organization}")
    robot.may_write(house.forge_name)
    house.join(robot.name)
    robot.runs(house.stage)
    number, head = house.branch("blog", "blog")
    house.once()
    assert house.marks(head)["catalyst/policy"] == ("pending", f"p: 1 more of platform must approve pull request {number}")
    house.approve(reviewer, number)
    house.forge.merge(number, "squash")
    assert house.admitted()[:2] == ("True", "Admitted")
    assert house.names() == ["blog", "shop"]
    house.leave(robot.name)  # nor may it read the system repository now
    code, outcome = house.once()
    assert (code, "or none that this user may see" in outcome["stderr"]) == (3, True)


def test_what_nobody_approved_is_held_by_whatever_route_it_came(house: GovernedRepository) -> None:
    stage, before = house.stage, house.stage.head("resolved")
    pushed = stage.push({"applications/blog.yaml": stage.application("blog", "bp-shop")})
    status = house.admitted()
    assert status[:2] == ("False", "PendingApproval")
    assert f"{pushed[:10]} came with no merged pull request" in status[2]
    state, words = house.marks(pushed)["catalyst/resolved"]
    assert (state, "PendingApproval" in words) == ("pending", True)
    # an edit through the forge's pages or API is a commit like any other
    body = {"branch": "main", "message": "x", "content": base64.b64encode(stage.application("site", "bp-shop")).decode()}
    house.api.post(f"repos/{house.forge_name}/contents/applications/site.yaml", json=body).raise_for_status()
    assert house.admitted()[:2] == ("False", "PendingApproval")
    assert stage.head("resolved") == before
    # so is one that somebody says came with a pull request that is approved
    reviewer = house.person("ada")
    stage.git("pull", "-q", "--ff-only", "origin", "main")
    house.api.patch(f"repos/{house.forge_name}", json={"allow_manual_merge": True}).raise_for_status()
    number, _ = house.branch("three", "three")
    house.once()
    house.approve(reviewer, number)
    evil = stage.push({"applications/evil.yaml": stage.application("evil", "bp-shop")})
    house.api.post(f"repos/{house.forge_name}/pulls/{number}/merge", json={"Do": "manually-merged", "MergeCommitID": evil})
    assert house.admitted()[:2] == ("False", "PendingApproval")
    assert stage.head("resolved") == before


def test_whose_approval_counts(house: GovernedRepository) -> None:
    reviewer, stranger = house.person("ada"), house.person("eve", approver=False)
    number, head = house.branch("blog", "blog")

    def policy() -> str:
        house.once()
        return house.marks(head)["catalyst/policy"][0]

    house.review(stranger, number).raise_for_status()
    assert policy() == "pending", "she is in no team"
    review = house.approve(reviewer, number)
    assert policy() == "success"
    house.leave(reviewer)
    assert policy() == "pending", "he left the team"
    house.join(reviewer)
    house.review(reviewer, number, "REQUEST_CHANGES").raise_for_status()
    assert policy() == "pending", "he changed his mind"
    review = house.approve(reviewer, number)
    assert policy() == "success"
    body = {"message": "no"}
    house.api.post(f"repos/{house.forge_name}/pulls/{number}/reviews/{review}/dismissals", json=body).raise_for_status()
    assert policy() == "pending", "it was dismissed"
    house.forge.merge(number, "squash")
    assert house.admitted()[:2] == ("False", "PendingApproval")
    late = house.review(reviewer, number)
    assert late.status_code == 422, "Gitea takes no approval of what is merged"


def test_the_author_approves_and_an_approval_of_an_older_head(house: GovernedRepository) -> None:
    reviewer, author = house.person("ada"), house.person("bob")
    number, first = house.branch("base", "blog", by=author)
    own = house.review(author, number)
    assert own.status_code == 422, "Gitea takes no approval of one's own"
    house.once()
    assert house.marks(first)["catalyst/policy"][0] == "pending"
    house.approve(reviewer, number)
    house.once()
    assert house.marks(first)["catalyst/policy"][0] == "success"
    # the same tree under a new head: the approval stands
    stage = house.stage
    stage.git("checkout", "-q", "base")
    (stage.work / "README.md").write_text("words")
    stage.git("add", "-A")
    stage.git("commit", "-q", "-m", "words")
    stage.git("push", "-q", "origin", "base")
    second = stage.git("rev-parse", "HEAD")
    house.once()
    assert house.marks(second)["catalyst/policy"][0] == "success"
    # another tree: it does not
    (stage.work / "applications" / "site.yaml").write_bytes(stage.application("site", "bp-shop"))
    stage.git("add", "-A")
    stage.git("commit", "-q", "-m", "more")
    stage.git("push", "-q", "origin", "base")
    third = stage.git("rev-parse", "HEAD")
    stage.git("checkout", "-q", "main")
    house.once()
    assert house.marks(third)["catalyst/policy"][0] == "pending"
    # somebody else's word on the plan does not help
    tree = house.marks(first)["catalyst/plan"][1]
    forged = {"context": "catalyst/plan", "state": "success", "description": tree}
    house.people[author].post(f"repos/{house.forge_name}/statuses/{third}", json=forged).raise_for_status()
    house.once()
    assert house.marks(third)["catalyst/policy"][0] == "pending"
    house.forge.merge(number, "rebase")
    # nor that the branch is what was approved again, after the merge
    stage.git("push", "-q", "-f", "origin", f"{first}:refs/heads/base")
    assert house.admitted()[:2] == ("False", "PendingApproval")


def test_an_approval_is_for_the_branch_that_it_was_given_for(house: GovernedRepository) -> None:
    stage, reviewer = house.stage, house.person("ada")
    stage.git("push", "-q", "origin", "main:refs/heads/dev")
    number, head = house.branch("word", "blog")
    house.forge.edit(number, base="dev")
    house.approve(reviewer, number)
    house.once()
    time.sleep(1.1)  # Gitea's times are whole seconds, and one in the same second counts as before
    house.forge.edit(number, base="main")
    house.once()
    assert house.marks(head)["catalyst/policy"] == ("pending", f"p: 1 more of platform must approve pull request {number}")
    time.sleep(1.1)
    house.approve(reviewer, number)
    house.once()
    assert house.marks(head)["catalyst/policy"][0] == "success"


def test_a_part_of_what_was_approved_is_not_applied_alone(house: GovernedRepository) -> None:
    stage, reviewer = house.stage, house.person("ada")
    number, head = house.branch("two", "guard", "site")
    house.once()
    house.approve(reviewer, number)
    house.once()
    assert house.marks(head)["catalyst/policy"][0] == "success"
    # whoever may write takes the first commit into main without its content, so that the second alone is left to merge
    stage.git("merge", "-q", "-s", "ours", "-m", "nothing to see", f"{head}^")
    stage.git("push", "-q", "origin", "main")
    house.once()
    why = f"{reviewer} approved another plan, or none, and may approve again"
    words = f"p: 1 more of platform must approve pull request {number} ({why})"
    assert house.marks(head)["catalyst/policy"] == ("pending", words)
    house.forge.merge(number, "merge")
    assert house.admitted()[:2] == ("False", "PendingApproval")
    assert house.names() == ["shop"]


def test_who_pushed_to_a_pull_request_does_not_approve_it(house: GovernedRepository) -> None:
    pusher, other = house.person("ada"), house.person("bob")
    number, _ = house.branch("two", "blog")
    content = base64.b64encode(house.stage.application("site", "bp-shop")).decode()
    body = {"branch": "two", "message": "mine", "content": content}
    made = house.people[pusher].post(f"repos/{house.forge_name}/contents/applications/site.yaml", json=body)
    head = made.raise_for_status().json()["commit"]["sha"]
    house.approve(pusher, number)
    house.once()
    words = f"p: 1 more of platform must approve pull request {number} ({pusher} wrote or pushed a part of it)"
    assert house.marks(head)["catalyst/policy"] == ("pending", words)
    house.approve(other, number)
    house.once()
    assert house.marks(head)["catalyst/policy"][0] == "success"


def test_a_flood_of_line_comments_hides_nobody_who_pushed(house: GovernedRepository) -> None:
    pusher, other = house.person("ada"), house.person("eve", approver=False)
    number, _ = house.branch("two", "blog", by=other)
    flood = [{"path": "applications/blog.yaml", "body": "x", "new_position": 1}] * 110
    body = {"event": "PENDING", "body": "a draft that nobody else sees", "comments": flood}
    house.people[other].post(f"repos/{house.forge_name}/pulls/{number}/reviews", json=body).raise_for_status()
    stage = house.stage
    stage.git("checkout", "-q", "two")
    (stage.work / "applications" / "evil.yaml").write_bytes(stage.application("evil", "bp-shop"))
    stage.git("add", "-A")
    stage.git("commit", "-q", "-m", "as somebody else")
    url = f"{house.gitea.url}/{house.forge_name}.git".replace("http://", f"http://{pusher}:s3cret-pass@")
    stage.git("push", "-q", url, "two")
    head = stage.git("rev-parse", "HEAD")
    stage.git("checkout", "-q", "main")
    house.once()
    house.approve(pusher, number)
    house.once()
    words = f"p: 1 more of platform must approve pull request {number} ({pusher} wrote or pushed a part of it)"
    assert house.marks(head)["catalyst/policy"] == ("pending", words)


def test_who_wrote_a_commit_does_not_approve_it_whoever_proposed_it(house: GovernedRepository) -> None:
    author, other, stage = house.person("ada"), house.person("bob"), house.stage
    stage.git("checkout", "-q", "-B", "blog", "origin/main")
    (stage.work / "applications" / "blog.yaml").write_bytes(stage.application("blog", "bp-shop"))
    stage.git("add", "-A")
    stage.git("commit", "-q", "-m", "mine", f"--author=Ada <{author}@example.org>")
    stage.git("push", "-q", "origin", "blog")
    head = stage.git("rev-parse", "HEAD")
    stage.git("checkout", "-q", "main")
    number = house.forge.open("blog")
    house.approve(author, number)
    house.once()
    assert f"({author} wrote or pushed a part of it)" in house.marks(head)["catalyst/policy"][1]
    house.approve(other, number)
    house.once()
    assert house.marks(head)["catalyst/policy"][0] == "success"


def test_no_change_rides_on_the_score_of_another(house: GovernedRepository) -> None:
    house.rule({"kind": "re-score-gate", "minScore": 80})
    for name, score in (("site", "10/100"), ("blog", "95/100")):
        number, head = house.branch(name, name)
        house.once()
        mark = {"context": "re-score", "state": "success", "description": score}
        house.api.post(f"repos/{house.forge_name}/statuses/{head}", json=mark).raise_for_status()
        house.forge.merge(number, "squash")
    status = house.admitted()
    assert (status[:2], "is 10; it must be at least 80 of 100" in status[2]) == (("False", "ScoreTooLow"), True)
    assert house.names() == ["shop"]


def test_a_broken_policy_holds_and_is_told_in_both_repositories(house: GovernedRepository) -> None:
    stage = house.stage
    commit = house.rule(text=b"kind: EnvironmentPolicy\nmetadata: {name: p}\nspec: {appliesTo: [\n")
    pushed = stage.push({"applications/blog.yaml": stage.application("blog", "bp-shop")})
    status = house.admitted()
    assert status[:2] == ("False", "PolicyBroken")
    assert "policies/p.yaml:" in status[2]
    state, words = house.marks(pushed)["catalyst/resolved"]
    assert (state, "policies/p.yaml:" in words) == ("pending", True)
    state, words = house.marks(commit, house.system)["catalyst/policy"]
    assert (state, "policies/p.yaml:" in words) == ("failure", True)
    commit = house.write("policies/p.yaml", None)
    assert house.admitted()[:2] == ("True", "NoPolicy")
    assert house.marks(commit, house.system)["catalyst/policy"][0] == "success"
    assert house.names() == ["blog", "shop"]


def test_a_system_repository_that_is_gone_holds(house: GovernedRepository) -> None:
    house.api.delete(f"repos/{house.system}").raise_for_status()
    before = house.stage.head("resolved")
    house.stage.push({"applications/blog.yaml": house.stage.application("blog", "bp-shop")})
    house.once()
    assert house.stage.head("resolved") == before


def test_a_held_change_goes_by_itself_when_the_window_opens(house: GovernedRepository) -> None:
    stage = house.stage
    house.rule(NEVER)
    pushed = stage.push({"applications/blog.yaml": stage.application("blog", "bp-shop")})
    status = house.admitted()
    assert status[:2] == ("False", "OutsideWindow")
    assert "the change window opens at 2028-02-29 00:00:00 UTC" in status[2]
    with stage.running():
        house.rule(ALWAYS)
        until(lambda: house.names() == ["blog", "shop"])
        until(lambda: house.marks(pushed)["catalyst/resolved"][0] == "success")


def test_a_score_holds_until_it_is_high_enough(house: GovernedRepository) -> None:
    house.rule({"kind": "re-score-gate", "minScore": 80})
    stage = house.stage
    pushed = stage.push({"applications/blog.yaml": stage.application("blog", "bp-shop")})
    assert house.admitted()[:2] == ("False", "ScoreMissing")

    def score(description: str) -> tuple[str, str]:
        body = {"context": "re-score", "state": "success", "description": description}
        house.api.post(f"repos/{house.forge_name}/statuses/{pushed}", json=body).raise_for_status()
        return house.admitted()[:2]

    assert score("score 79") == ("False", "ScoreTooLow")
    assert score("83/100") == ("True", "Admitted")


def test_an_approval_that_was_taken_back_admits_nothing_again(house: GovernedRepository, tmp_path: Path) -> None:
    """Mallory may write, and is in no team: he merges a commit of the old documents, and says himself that all is well."""
    stage, reviewer, made = house.stage, house.person("ada"), []
    for name, content in (("add", stage.application("blog", "bp-shop")), ("remove", None)):
        house.forge.branch(name, {"applications/blog.yaml": content})
        number = house.forge.open(name)
        house.once()
        house.approve(reviewer, number)
        house.forge.merge(number)
        assert house.admitted()[:2] == ("True", "Admitted")
        made.append(stage.git("rev-parse", "origin/main"))
    assert house.names() == ["shop"]
    first, second = made
    assert f"Admitted-By: {second} pull/{number} " in stage.git("log", "-1", "--format=%B", "origin/resolved")

    mallory = GiteaUser.made(house.gitea, f"mallory-{stage.organization}")
    mallory.may_write(house.forge_name)
    clone = mallory.clone(house.forge_name, tmp_path / "mallory")
    crafted = git(clone, "commit-tree", f"{first}^{{tree}}", "-p", first, "-p", second, "-m", "tidy up").stdout.strip()
    assert git(clone, "push", "-q", "origin", f"{crafted}:refs/heads/tidy").returncode == 0
    pull = {"title": "tidy up", "head": "tidy", "base": "main"}
    number = mallory.post(f"repos/{house.forge_name}/pulls", pull).raise_for_status().json()["number"]
    house.once()
    for context in ("catalyst/plan", "catalyst/policy"):
        body = {"context": context, "state": "success", "description": "fine"}
        mallory.post(f"repos/{house.forge_name}/statuses/{crafted}", body).raise_for_status()
    merge = {"Do": "fast-forward-only"}
    merged(lambda: mallory.post(f"repos/{house.forge_name}/pulls/{number}/merge", merge)).raise_for_status()
    assert house.admitted()[:2] == ("False", "PendingApproval")
    assert house.names() == ["shop"]

    assert git(clone, "push", "-qf", "origin", f"{first}:refs/heads/main").returncode == 0
    status = house.admitted()
    assert (status[:2], "takes main back to" in status[2]) == (("False", "PendingApproval"), True)
    assert house.names() == ["shop"]


def test_a_soak_is_over_by_itself_when_the_source_was_ready_for_so_long(house: GovernedRepository, tmp_path: Path) -> None:
    stage, servers = house.stage, house.stage.servers
    (tmp_path / "stg").mkdir()
    source = LiveEnvironment(servers, tmp_path / "stg", stage.organization, stage.prefix, env_type="stg")
    servers.publish(stage.prefix, blueprint(tmp_path / "blog", "bp-blog"))
    source.push({"environment.yaml": source.environment(), "applications/blog.yaml": stage.application("blog", "bp-blog")})
    settings = load(stage.config.read_bytes(), "c").data
    settings["environments"].append({"name": source.name, "repository": f"{stage.organization}/{source.name}"})
    stage.config.write_bytes(dump(settings))
    house.rule({"kind": "soak", "sourceEnvironment": source.name, "duration": "25s"})
    stage.push({"applications/blog.yaml": stage.application("blog", "bp-blog")})

    def reason() -> str:
        status = stage.status()
        return status.condition("Admitted").message if status else ""

    with stage.running():
        until(lambda: "bp-blog 1.0.0 never ran in" in reason() or "bp-blog 1.0.0 is not Ready in" in reason())
        source.bootstrap()
        shutil.copy(source.on.kubeconfig, stage.kubeconfigs / f"{source.context}.yaml")
        until(lambda: f"will have been Ready in {source.name} for 25s at" in reason(), 120)
        assert house.names() == ["shop"]
        told = reason().partition(" for 25s at ")[2].removesuffix(" UTC if it stays so")
        until(lambda: house.names() == ["blog", "shop"])
        committed = int(stage.git("log", "-1", "--format=%ct", "origin/resolved"))
    due = datetime.fromisoformat(told).replace(tzinfo=UTC).timestamp()
    assert due <= committed <= due + 15, "at that moment, within what a busy machine takes"


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.5)
