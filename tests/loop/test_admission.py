"""EnvironmentPolicies over passes: a real repository, a forge and a clock in memory, and every way round the rules."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.decide.blocker import Refused
from reconciler.decide.marks import PlanFingerprint, plan_status
from reconciler.decide.policies import EnvironmentPolicies, environment_policies
from reconciler.loop.admission import AdmissionGate
from reconciler.loop.approvals import ApprovalReader
from reconciler.loop.branches import CONFIRMED, EnvironmentBranches
from reconciler.loop.change_history import MAX_CHANGES
from reconciler.loop.claims import sole_claim
from reconciler.loop.plan import is_revert, merge_ref, plan_change, plan_fingerprint, reviewed_packages, to_plan_commit
from reconciler.loop.service import Controller
from reconciler.loop.soaks import SoakHistory
from reconciler.loop.targets import EnvironmentTarget
from reconciler.loop.update import update
from reconciler.model.faults import ReconcilerError, RejectedError, UnavailableError
from reconciler.world.documents import load_all
from reconciler.world.git import Repository
from reconciler.world.gitea import CommitStatusRecord, MergedPullRequest, PullRequest, PullRequestHistory, Review
from tests.loop.builders import Stage, application, files, gate_of, sha256, verified
from tests.world.git_server import GitServer, bare, git, hook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reconciler.decide.catalog import VerifiedBlueprint
    from reconciler.loop.environment_pass import EnvironmentPass
    from reconciler.loop.passes import ReconcileOutcome
    from reconciler.model.lock import EnvironmentLock

US, WHERE = "catalyst", "acme/acme-prod"
PLAN = "catalyst/plan"
OTHER = "b" * 40
AGAIN = f"sha256:{'e' * 64}"
REQUIRED = "{kind: pr-required, approvers: [platform, security], minApprovals: 1}"
WINDOW = '{kind: change-window, cron: "0 14 * * 2,4", duration: 2h}'
SOAK = "{kind: soak, sourceEnvironment: acme-stg, duration: 72h}"
SCORE = "{kind: re-score-gate, minScore: 80}"


def policy(*rules: str, environments: str = "acme-prod") -> str:
    listed = "".join(f"    - {rule}\n" for rule in rules)
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: EnvironmentPolicy\nmetadata: {name: p}\n"
        f"spec:\n  appliesTo: {{environments: [{environments}]}}\n  rules:\n{listed}"
    )


def read(*texts: str) -> EnvironmentPolicies:
    return environment_policies(s for n, text in enumerate(texts) for s in load_all(text.encode(), f"policies/{n}.yaml"))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class Forge:
    """A ReviewForge in memory."""

    pulls: dict[str, MergedPullRequest] = field(default_factory=dict)
    said: dict[int, list[Review]] = field(default_factory=dict)
    teams: dict[str, frozenset[str]] = field(default_factory=dict)
    marks: dict[str, list[CommitStatusRecord]] = field(default_factory=dict)
    down: ReconcilerError | None = None
    asked: int = 0
    became: dict[int, PullRequestHistory] = field(default_factory=dict)
    now: int = 0

    def tick(self) -> int:
        """A later moment than any before."""
        self.now += 1
        return self.now

    def past(self, repository: str, number: int) -> PullRequestHistory:
        self._ask(repository)
        return self.became.get(number, PullRequestHistory())

    def reviews(self, repository: str, number: int) -> Sequence[Review]:
        self._ask(repository)
        return self.said.get(number, ())

    def pull_request_of_merge(self, repository: str, commit: str) -> MergedPullRequest | None:
        self._ask(repository)
        return self.pulls.get(commit)

    def members(self, team: str) -> frozenset[str] | None:
        self._ask(WHERE)
        return self.teams.get(team)

    def statuses_by(self, repository: str, commit: str) -> Sequence[CommitStatusRecord]:
        self._ask(repository)
        return self.marks.get(commit, ())

    def review(self, number: int, person: str, commit: str, state: str = "APPROVED") -> None:
        some = self.said.setdefault(number, [])
        some.append(Review(len(some) + 1, person, state, commit, dismissed=False, at=self.tick()))

    def mark(self, commit: str, context: str, description: str, person: str = US, state: str = "success") -> None:
        some = self.marks.setdefault(commit, [])
        some.append(CommitStatusRecord(len(some) + 1, context, person, state, description, self.tick()))

    def _ask(self, repository: str) -> None:
        assert repository == WHERE
        self.asked += 1
        if self.down is not None:
            raise self.down


@dataclass
class House:
    """An Environment whose shop is resolved, under policies; people work on it in a clone of their own."""

    stage: Stage
    forge: Forge = field(
        default_factory=lambda: Forge(teams={"acme/platform": frozenset({"ada", "bob"}), "acme/security": frozenset()})
    )
    policies: EnvironmentPolicies | ReconcilerError = field(default_factory=EnvironmentPolicies)
    now: float = at("2026-12-01T09:00")
    history: SoakHistory | str = "there is none"
    looks: int = 0
    comes_to: EnvironmentLock | None = None
    restores: bool = False
    proposed: set[int] = field(default_factory=set)
    retry: float | None = None

    def __post_init__(self) -> None:
        self.work = self.stage.folder / "work"
        self.work.mkdir()
        git(self.work, "clone", "-q", str(self.stage.origin), ".")

    def gate(self) -> AdmissionGate:
        def policies() -> EnvironmentPolicies:
            if isinstance(self.policies, ReconcilerError):
                raise self.policies
            return self.policies

        clone = Repository(self.stage.folder / f"history-{self.stage.starts}", self.stage.origin.as_uri(), history=True)
        approvals = ApprovalReader(self.forge, US, WHERE, clone)
        return AdmissionGate("acme-prod", policies, approvals, lambda _: self.history, lambda: self.now)

    def start(self) -> EnvironmentPass:
        return self.stage.start(gate=self.gate(), proposed=lambda: self.proposed, retry=self.retry)

    def run(self) -> ReconcileOutcome:
        return self.start().run(wait=1)

    def commit(self, content: dict[str, str], message: str = "a change", author: str = "Ada <ada@example.org>") -> str:
        for path, text in content.items():
            (self.work / path).parent.mkdir(exist_ok=True)
            (self.work / path).write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", message, f"--author={author}")
        return git(self.work, "rev-parse", "HEAD")

    def push(self, content: dict[str, str]) -> str:
        """Push straight to main."""
        made = self.commit(content)
        git(self.work, "push", "-q", "origin", "HEAD:main")
        return made

    def propose(self, number: int, *contents: dict[str, str]) -> str:
        """A branch of a commit for each content, and the forge's ref for it; main is checked out again."""
        git(self.work, "checkout", "-q", "-B", f"b{number}")
        for n, content in enumerate(contents):
            self.commit(content, f"step {n}", f"Author {n} <a{n}@example.org>")
        head = git(self.work, "rev-parse", "HEAD")
        git(self.work, "push", "-q", "-f", "origin", f"HEAD:refs/pull/{number}/head")
        git(self.work, "checkout", "-q", "main")
        self.proposed.add(number)
        return head

    def plan(self, number: int, *contents: dict[str, str]) -> str:
        """Propose something, and have it planned."""
        head = self.propose(number, *contents)
        self.look(number, head)
        return head

    def look(self, number: int, head: str) -> PlanFingerprint:
        """Plan a pull request as it is now: its branch is pushed, and its head told."""
        self.looks += 1
        clone = Repository(self.stage.folder / f"plans-{self.looks}", self.stage.origin.as_uri(), history=True)
        branches = EnvironmentBranches(Repository(self.stage.folder / f"looks-{self.looks}", self.stage.origin.as_uri()))
        branches.refresh()
        snapshot = merge_ref(clone, f"pull/{number}")
        main, world, claim = branches.input_snapshot(), self.stage.world(), sole_claim(self.stage.identity)
        known = reviewed_packages(branches, snapshot, lambda: self.proposed - {number})
        found = plan_change(snapshot, self.stage.identity, branches.lock(), world, claim, reviewed=known)
        assert found.desired is not None
        self.restores = is_revert(found, branches)
        planned, bound = to_plan_commit(found, branches, self.comes_to), plan_fingerprint(found, main, self.comes_to)
        assert planned is not None
        assert bound is not None
        branches.push_plan(number, planned, found.desired.files, "a plan")
        self.forge.mark(head, PLAN, plan_status(found.steps, found.total, bound, None).description)
        return bound

    def merge(self, number: int, how: str = "merge", author: str = "eve") -> str:
        """Merge as Gitea does it."""
        branch, fork = f"b{number}", git(self.work, "merge-base", "main", f"b{number}")
        if how == "merge":
            git(self.work, "merge", "-q", "--no-ff", "-m", "Merge pull request", branch)
        elif how == "squash":
            git(self.work, "merge", "-q", "--squash", branch)
            self.commit({}, "squashed")
        elif how == "rebase":
            git(self.work, "cherry-pick", f"{fork}..{branch}")
        elif how == "rebase-merge":
            git(self.work, "checkout", "-q", "-B", "tmp", "main")
            git(self.work, "cherry-pick", f"{fork}..{branch}")
            git(self.work, "checkout", "-q", "main")
            git(self.work, "merge", "-q", "--no-ff", "-m", "Merge pull request", "tmp")
        else:
            git(self.work, "merge", "-q", "--ff-only", branch)
        git(self.work, "push", "-q", "origin", "main")
        self.proposed.remove(number)
        made = git(self.work, "rev-parse", "HEAD")
        self.forge.pulls[made] = MergedPullRequest(number, author, "main", made, fork, self.forge.tick())
        return made

    def admitted(self) -> tuple[str, str]:
        found = self.stage.status().condition("Admitted")
        return found.reason, found.message

    def held(self, outcome: ReconcileOutcome, reason: str) -> str:
        """The words of a commit that is held: nothing moved, and it is said."""
        assert outcome.blocker is not None
        assert (outcome.blocker.stage, outcome.blocker.reason) == ("Admitted", reason)
        assert "resolved" not in outcome.pushed
        status = self.stage.status()
        kinds = {c.type: c.status for c in status.conditions}
        assert kinds["Admitted"] in {"False", "Unknown"}
        assert (kinds["Valid"], kinds["Resolved"], kinds["Trusted"], kinds["Committed"]) == ("True", "True", "True", "False")
        return outcome.blocker.message


BLOG = {"applications/blog.yaml": application("blog")}
SITE = {"applications/site.yaml": application("site")}


@pytest.fixture
def house(tmp_path: Path) -> House:
    stage = Stage(tmp_path)
    stage.push(files("shop"))
    stage.start().run(wait=1)
    made = House(stage)
    made.policies = read(policy(REQUIRED))
    return made


def anew(one: VerifiedBlueprint) -> VerifiedBlueprint:
    """A Blueprint that was published again, with other content, under the same version."""
    return replace(one, artifact=f"{one.artifact.partition('@')[0]}@{AGAIN}")


def names(house: House) -> list[str]:
    return [p.application for p in house.stage.lock().packages]


# by which route


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "rebase-merge", "fast-forward-only"])
def test_what_was_approved_is_applied_however_it_was_merged(house: House, how: str) -> None:
    head = house.plan(1, BLOG, {"README.md": "words"}, SITE)
    if how != "fast-forward-only":
        house.push({"README": "something else happens on main"})
    house.merge(1, how)
    message = house.held(house.run(), "PendingApproval")
    assert "1 more of platform or security must approve pull request 1" in message
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed
    assert names(house) == ["blog", "shop", "site"]
    assert house.admitted() == ("Admitted", "what is resolved was admitted as p asks")
    assert house.run().pushed == ()


def test_a_direct_push_is_held_until_it_is_reverted_and_proposed(house: House) -> None:
    pushed = house.push(BLOG)
    message = house.held(house.run(), "PendingApproval")
    assert f"p: {pushed[:10]} came with no merged pull request; revert it on main" in message
    assert names(house) == ["shop"], "what runs is left running"
    # a pull request that is approved does not carry it along
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    house.merge(1)
    assert pushed[:10] in house.held(house.run(), "PendingApproval")
    git(house.work, "revert", "--no-edit", "-m", "1", "HEAD")
    git(house.work, "revert", "--no-edit", pushed)
    git(house.work, "push", "-q", "origin", "main")
    assert house.run().blocker is None
    assert house.admitted()[0] == "NothingToAdmit"
    git(house.work, "branch", "-D", "b1")
    again = house.plan(2, BLOG, SITE)
    house.forge.review(2, "bob", again)
    house.merge(2)
    assert "resolved" in house.run().pushed
    assert names(house) == ["blog", "shop", "site"]


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "rebase-merge", "fast-forward-only"])
@pytest.mark.parametrize("rule", [REQUIRED, SCORE])
def test_the_last_commit_of_what_was_approved_may_change_no_document(house: House, how: str, rule: str) -> None:
    house.policies = read(policy(rule))
    head = house.plan(1, BLOG, {"README.md": "words"}, {"README.md": "more words"})
    house.forge.review(1, "ada", head)
    house.forge.mark(head, "re-score", "90/100")
    if how != "fast-forward-only":
        house.push({"README": "something else happens on main"})
    house.merge(1, how)
    assert "resolved" in house.run().pushed


def test_what_was_taken_back_holds_nothing_that_came_before(house: House) -> None:
    house.policies = read(policy(REQUIRED, WINDOW))
    house.forge.review(1, "ada", house.plan(1, BLOG))
    house.merge(1)
    house.held(house.run(), "OutsideWindow")
    bad = house.push(SITE)
    house.held(house.run(), "PendingApproval")
    git(house.work, "revert", "--no-edit", bad)
    git(house.work, "push", "-q", "origin", "main")
    house.held(house.run(), "OutsideWindow")
    house.now = at("2026-12-01T14:00")
    assert "resolved" in house.run().pushed
    assert names(house) == ["blog", "shop"]


def test_comments_that_nobody_approved_hold_nothing(house: House) -> None:
    house.push({"applications/shop.yaml": f"# a comment\n{application('shop')}"})
    house.forge.review(1, "ada", house.plan(1, BLOG))
    house.merge(1)
    assert "resolved" in house.run().pushed


def test_one_that_was_merged_while_it_was_planned_again_is_applied(house: House) -> None:
    head = house.plan(2, BLOG)
    house.forge.review(2, "ada", head)
    house.forge.review(1, "ada", house.plan(1, SITE))
    house.merge(1)
    house.run()
    merged_at = house.forge.tick()
    house.look(2, head)
    made = house.merge(2)
    house.forge.pulls[made] = replace(house.forge.pulls[made], at=merged_at)
    assert "resolved" in house.run().pushed


def test_what_changes_no_document_needs_nobody(house: House) -> None:
    house.push({"README.md": "words", "applications/notes.txt": "x"})
    house.run()
    assert house.admitted()[0] == "NothingToAdmit"


def test_a_change_without_effect_is_accounted_for_with_the_next(house: House) -> None:
    quiet = house.push({"applications/shop.yaml": application("shop", more="  suspend: false\n")})
    assert house.run().blocker is None
    head = house.plan(1, BLOG)
    house.forge.review(1, "ada", head)
    house.merge(1)
    assert quiet[:10] in house.held(house.run(), "PendingApproval")


def test_a_rewritten_main_is_held_unless_it_comes_to_what_was_admitted(house: House) -> None:
    git(house.work, "checkout", "-q", "--orphan", "fresh")
    house.commit({}, "all anew")
    git(house.work, "push", "-q", "-f", "origin", "HEAD:main")
    assert house.run().blocker is None
    house.commit(BLOG)
    git(house.work, "push", "-q", "-f", "origin", "HEAD:main")
    house.held(house.run(), "PendingApproval")
    git(house.work, "checkout", "-q", "--orphan", "empty")
    (house.work / "applications" / "blog.yaml").unlink()
    (house.work / "applications" / "shop.yaml").unlink()
    house.commit({}, "nothing")
    git(house.work, "push", "-q", "-f", "origin", "HEAD:main")
    house.held(house.run(), "PendingApproval")
    assert names(house) == ["shop"]


def test_the_first_of_all_is_accounted_for_back_to_where_nothing_was_installed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push({"environment.yaml": files()["environment.yaml"]})
    house = House(stage)
    house.policies = read(policy(REQUIRED))
    head = house.plan(1, {"applications/shop.yaml": application("shop")})
    house.merge(1)
    house.held(house.run(), "PendingApproval")
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed


# ways round


def test_whose_approval_counts(house: House) -> None:
    head = house.plan(1, BLOG)
    house.merge(1, author="ada")
    forge = house.forge
    for person, state in (("ada", "APPROVED"), ("stranger", "APPROVED"), ("bob", "COMMENT"), ("bob", "REQUEST_CHANGES")):
        forge.review(1, person, head, state)
        house.held(house.run(), "PendingApproval")
    forge.review(1, "bob", head)
    assert "resolved" in house.run().pushed


def approved_once(house: House) -> str:
    head = house.plan(1, BLOG)
    house.merge(1)
    house.forge.review(1, "bob", head)
    return head


def test_a_person_counts_once(house: House) -> None:
    house.policies = read(policy(REQUIRED.replace("1}", "2}")))
    house.forge.review(1, "bob", approved_once(house))
    assert "1 more of platform or security must approve pull request 1 (bob approved)" in house.held(
        house.run(), "PendingApproval"
    )


def test_who_left_the_team_or_changed_their_mind_no_longer_counts(house: House) -> None:
    head = approved_once(house)
    house.forge.teams["acme/platform"] = frozenset({"ada"})
    house.held(house.run(), "PendingApproval")
    house.forge.teams["acme/platform"] = frozenset({"bob"})
    house.forge.review(1, "bob", head, "REQUEST_CHANGES")
    house.held(house.run(), "PendingApproval")


def test_a_dismissed_review_does_not_count(house: House) -> None:
    approved_once(house)
    house.forge.said[1] = [replace(one, dismissed=True) for one in house.forge.said[1]]
    house.held(house.run(), "PendingApproval")


def planned(bound: PlanFingerprint) -> str:
    return plan_status((), 1, bound, None).description


@pytest.mark.parametrize(("person", "state", "content"), [(US, "success", SITE), ("eve", "success", BLOG), (US, "pending", BLOG)])
def test_an_approval_of_an_older_head_with_another_plan_does_not_count(
    house: House, person: str, state: str, content: dict[str, str]
) -> None:
    bound = house.look(2, house.propose(2, BLOG, {"README.md": "another"}))
    old = house.propose(1, content)
    house.forge.mark(old, PLAN, planned(bound) if content is BLOG else planned(house.look(1, old)), person, state)
    house.forge.review(1, "ada", old)
    git(house.work, "branch", "-D", "b1")
    house.plan(1, BLOG, {"README.md": "words"})
    house.merge(1)
    house.held(house.run(), "PendingApproval")


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (BLOG | {"README.md": "words"}, True),
        ({"applications/blog.yaml": f"# words\n{application('blog')}"}, True),
        (
            BLOG | {"applications/shop.yaml": application("shop", more="  suspend: false\n")},
            False,
        ),  # it comes to the same tree today
    ],
)
def test_an_approval_of_an_older_head_counts_with_the_same_plan(house: House, content: dict[str, str], counts: bool) -> None:
    house.forge.review(1, "ada", house.plan(1, BLOG))
    git(house.work, "branch", "-D", "b1")
    house.plan(1, content)
    house.merge(1)
    assert ("resolved" in house.run().pushed) is counts


def test_what_is_planned_after_it_was_approved_or_merged_says_nothing(house: House) -> None:
    old = house.plan(1, SITE)
    house.forge.review(1, "ada", old)
    git(house.work, "branch", "-D", "b1")
    head = house.propose(1, BLOG)
    bound = house.look(1, head)
    house.merge(1)
    # another pull request with the head that was approved, now that main holds the rest: its plan is the one of what was merged
    house.forge.mark(old, PLAN, planned(bound))
    house.held(house.run(), "PendingApproval")
    house.forge.mark(head, PLAN, planned(replace(bound, tree=OTHER)))
    house.held(house.run(), "PendingApproval")


def test_a_part_of_what_was_approved_is_not_applied_alone(house: House) -> None:
    """Whoever may write takes the first commit into main without its content: merging then brings the second alone."""
    first = {"applications/guard.yaml": application("guard")}
    head = house.plan(1, first, SITE)
    house.forge.review(1, "ada", head)
    git(house.work, "merge", "-q", "-s", "ours", "-m", "nothing to see", f"{head}^")
    git(house.work, "push", "-q", "origin", "main")
    assert "resolved" not in house.run().pushed
    house.merge(1)
    assert not (house.work / "applications" / "guard.yaml").exists()
    assert (house.work / "applications" / "site.yaml").exists()
    assert "(ada approved of another plan, or of none)" in house.held(house.run(), "PendingApproval")


def test_an_approval_stands_while_main_moves_in_other_files(house: House) -> None:
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    house.forge.review(2, "bob", house.plan(2, BLOG))
    house.merge(2)
    assert "resolved" in house.run().pushed
    house.look(1, head)
    house.merge(1)
    assert "resolved" in house.run().pushed
    assert names(house) == ["blog", "shop", "site"]


def approved_together(house: House) -> None:
    """Two pull requests that were planned, approved and merged before anybody looked again, and a newer version since."""
    for number, content in ((1, SITE), (2, BLOG)):
        house.forge.review(number, "ada", house.plan(number, content))
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
@pytest.mark.parametrize("between", [False, True])
def test_what_is_merged_together_is_applied_as_each_was_planned(house: House, how: str, between: bool) -> None:
    approved_together(house)
    house.merge(1, how)
    if between:  # the second is merged while the pass over the first is made: nobody planned it again
        assert "resolved" in house.run().pushed
    house.merge(2, how)
    assert "resolved" in house.run().pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == dict.fromkeys(("blog", "shop", "site"), "1.0.0")


UPGRADE = {"applications/shop.yaml": application("shop", version="~1.1")}


def held_upgrade(house: House) -> str:
    """A push that nobody approved, for a newer version of what is installed."""
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    pushed = house.push(UPGRADE)
    outcome = house.run()
    house.held(outcome, "PendingApproval")
    house.comes_to = outcome.lock
    return pushed


def take_back(house: House, commit: str) -> None:
    git(house.work, "revert", "--no-edit", commit)
    git(house.work, "push", "-q", "origin", "main")


def test_what_was_taken_back_does_not_come_with_what_was_planned_upon_it(house: House) -> None:
    pushed = held_upgrade(house)
    house.stage.shelf.put(verified("bp-site", "1.0.0"))
    house.plan(1, {"README.md": "words"})
    house.forge.review(2, "ada", house.plan(2, {"applications/site.yaml": application("site", "bp-site")}))
    take_back(house, pushed)
    house.run()
    assert {p.application: p.version for p in house.stage.lock().packages} == {"shop": "1.0.0"}
    house.merge(2)
    house.run()
    assert {p.application: p.version for p in house.stage.lock().packages} == {"shop": "1.0.0", "site": "1.0.0"}


@pytest.mark.parametrize("proposed", [False, True])
def test_to_take_back_what_is_held_moves_nothing(house: House, proposed: bool) -> None:
    house.stage.shelf.put(verified("bp-shop", "2.0.0"))
    pushed = held_upgrade(house)
    house.plan(1, {"applications/shop.yaml": application("shop")})
    assert house.restores
    if proposed:
        house.merge(1)
    else:
        take_back(house, pushed)
    house.run()
    assert {p.application: p.version for p in house.stage.lock().packages} == {"shop": "1.0.0"}


def test_who_proposes_what_others_have_approved_holds_nobody_up(house: House) -> None:
    approved_together(house)
    house.plan(3, BLOG | SITE)
    house.merge(1)
    house.merge(2)
    assert "resolved" in house.run().pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == dict.fromkeys(("blog", "shop", "site"), "1.0.0")


@pytest.mark.parametrize("restart", [False, True])
def test_what_the_forge_could_not_tell_at_first_decides_later(house: House, restart: bool) -> None:
    approved_together(house)
    house.plan(3, BLOG | SITE)
    house.merge(1)
    made = house.merge(2)
    merged = house.forge.pulls.pop(made)
    house.proposed.add(2)  # not marked yet
    house.retry = 0.0
    running = house.start()
    assert running.run(wait=1).blocker is not None
    house.proposed.remove(2)
    house.forge.pulls[made] = merged
    outcome = (house.start() if restart else running).run(wait=1)
    assert "resolved" in outcome.pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == dict.fromkeys(("blog", "shop", "site"), "1.0.0")


@pytest.mark.parametrize("input_", ["Input-Digest", "X"])
def test_a_plan_that_somebody_else_pushed_moves_nothing(house: House, input_: str) -> None:
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    (now,) = house.stage.lock().packages
    text = house.stage.show("resolved", "environment.lock.yaml").replace("1.0.0", "1.1.0")
    forged = text.replace(now.digest, sha256("bp-shop 1.1.0"))
    blob = git(house.stage.origin, "hash-object", "-w", "--stdin", stdin=forged.encode())
    tree = git(house.stage.origin, "mktree", stdin=f"100644 blob {blob}\tenvironment.lock.yaml\n".encode())
    digest = next(line for line in house.stage.message("resolved").splitlines() if line.startswith("Input-Digest: "))
    message = f"words\n\n{input_}: {digest.partition(' ')[2]}\nBrings: shop {now.digest}\n"
    made = house.stage.git("commit-tree", tree, "-p", "resolved", "-m", message)
    house.stage.git("update-ref", "refs/heads/plan/pr-9", made)
    for content in ({"README.md": "words"}, {"applications/shop.yaml": f"# words\n{application('shop')}"}):
        house.push(content)
        house.run()
        assert house.stage.lock().packages[0].version == "1.0.0"


def test_a_version_that_is_in_no_plan_is_held_until_it_is(house: House) -> None:
    approved_together(house)
    house.merge(1)
    house.merge(2)
    for number in (1, 2):
        house.stage.git("update-ref", "-d", f"refs/heads/plan/pr-{number}")
    assert "bp-shop 1.1.0 came out after what was approved" in house.held(house.run(), "NotPlanned")
    head = house.propose(3, {"applications/site.yaml": f"# as planned now\n{application('site')}"})
    bound = house.look(3, head)
    house.forge.review(3, "ada", head)
    outcome = house.start().run(wait=1)
    found = house.gate().evaluate_pull_request(PullRequest(3, "main", head, "eve"), (), bound, main=outcome.admission)
    assert found.status == "True", "the way out is open"
    house.merge(3)
    assert "resolved" in house.run().pushed


def test_an_approval_stands_when_what_main_waited_with_is_applied(house: House) -> None:
    house.policies = read(policy(REQUIRED, WINDOW))
    house.forge.review(1, "ada", house.plan(1, SITE))
    house.merge(1)
    outcome = house.run()
    house.held(outcome, "OutsideWindow")
    house.comes_to = outcome.lock
    head = house.plan(2, BLOG)
    house.forge.review(2, "ada", head)
    house.now = at("2026-12-01T14:00")
    outcome = house.run()
    assert "resolved" in outcome.pushed
    house.comes_to = outcome.lock
    house.look(2, head)
    house.merge(2)
    assert "resolved" in house.run().pushed


def test_an_approval_counts_although_it_could_not_be_told_for_a_while(house: House) -> None:
    head = house.plan(1, SITE)
    house.forge.mark(head, PLAN, "Unavailable: no answer", state="pending")
    house.forge.review(1, "ada", head)
    house.merge(1)
    assert "resolved" in house.run().pushed


def test_a_plan_that_is_gone_is_approved_by_nobody(house: House) -> None:
    house.forge.review(1, "ada", house.plan(1, SITE))
    house.stage.git("update-ref", "-d", "refs/heads/plan/pr-1")
    house.merge(1)
    house.held(house.run(), "NotPlanned")


def test_what_takes_main_back_is_not_held_by_what_it_takes_away(house: House) -> None:
    bad = house.push(SITE)
    house.plan(1, BLOG)
    assert not house.restores
    git(house.work, "checkout", "-q", "-B", "b2")
    git(house.work, "revert", "--no-edit", bad)
    git(house.work, "push", "-q", "origin", "HEAD:refs/pull/2/head")
    house.look(2, git(house.work, "rev-parse", "HEAD"))
    assert house.restores
    git(house.work, "checkout", "-q", "main")
    git(house.work, "rm", "-q", "applications/site.yaml")
    house.push({"applications/shop.yaml": f"# a comment\n{application('shop')}"})
    house.plan(3, {"applications/shop.yaml": f"# another\n{application('shop')}"})
    assert house.restores, "it comes to what is resolved, whatever its comments say"


def test_before_anything_is_resolved_it_may_be_taken_back_to_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push(files("shop"))
    house = House(stage)
    git(house.work, "checkout", "-q", "-B", "b1")
    git(house.work, "rm", "-q", "applications/shop.yaml")
    head = house.commit({})
    git(house.work, "push", "-q", "origin", "HEAD:refs/pull/1/head")
    house.look(1, head)
    assert house.restores
    git(house.work, "checkout", "-q", "main")
    house.plan(2, SITE)
    assert not house.restores


def test_which_plan_was_read_must_be_plain(house: House) -> None:
    head = house.propose(1, SITE)
    bound = house.look(1, head)
    house.forge.mark(head, PLAN, planned(replace(bound, files="e" * 32)))
    house.forge.mark(head, PLAN, planned(bound))
    house.forge.review(1, "ada", head)
    house.merge(1)
    house.held(house.run(), "PendingApproval")
    house.forge.now += 60
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed


def test_what_main_is_held_by_holds_what_is_merged_into_it(house: House) -> None:
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    bad = house.push(BLOG)
    main = house.start().run(wait=1).admission
    pull, gate = PullRequest(1, "main", head, "eve"), house.gate()
    found = gate.evaluate_pull_request(pull, (), house.look(1, head), main=main)
    assert (found.status, found.reason) == ("False", "PendingApproval")
    assert f"main is held already: {bad[:10]} came with no merged pull request" in found.message
    assert gate.evaluate_pull_request(pull, (), house.look(1, head), main=main, restores=True).status == "True"


def test_an_approval_is_not_of_another_version(house: House) -> None:
    head = house.plan(1, SITE)
    house.forge.review(1, "ada", head)
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    house.stage.git("update-ref", "-d", "refs/heads/plan/pr-1")  # so that nobody knows what was planned
    house.look(1, head)
    house.merge(1)
    house.held(house.run(), "PendingApproval")


def test_more_changes_than_are_looked_at_are_held_with_a_way_out(house: House) -> None:
    for n in range(MAX_CHANGES):
        house.commit({"applications/site.yaml": application("site", version=f"^1.{n}")})
    house.push({"applications/site.yaml": application("site", version="^1")})
    assert "whoever writes the policy must let some go" in house.held(house.run(), "PendingApproval")
    house.policies = EnvironmentPolicies()
    assert "resolved" in house.run().pushed


def test_an_approval_before_any_plan_is_of_none(house: House) -> None:
    head = house.propose(1, SITE)
    house.forge.review(1, "ada", head)
    house.look(1, head)
    house.merge(1)
    assert "(ada approved of another plan, or of none)" in house.held(house.run(), "PendingApproval")


def test_an_approval_of_what_was_for_another_branch_does_not_count(house: House) -> None:
    head = approved_once(house)
    house.forge.became[1] = PullRequestHistory(house.forge.tick())
    house.held(house.run(), "PendingApproval")
    house.forge.review(1, "bob", head)
    assert "resolved" in house.run().pushed


def test_who_pushed_to_another_s_pull_request_does_not_count(house: House) -> None:
    head = approved_once(house)
    house.forge.became[1] = PullRequestHistory(contributors=frozenset({"bob"}))
    house.held(house.run(), "PendingApproval")
    house.forge.review(1, "ada", head)
    assert "resolved" in house.run().pushed


def test_a_pull_request_hides_no_commit_of_other_content(house: House) -> None:
    head = house.plan(1, BLOG)
    house.forge.review(1, "ada", head)
    evil = house.push(SITE)
    house.forge.pulls[evil] = MergedPullRequest(
        1, "eve", "main", evil, "", house.forge.tick()
    )  # "manually merged", as somebody told the forge
    assert "is not what merging pull request 1 gives" in house.held(house.run(), "PendingApproval")


def test_one_that_was_merged_into_another_branch_says_nothing(house: House) -> None:
    approved_once(house)
    made = house.stage.head("main") or ""
    house.forge.pulls[made] = replace(house.forge.pulls[made], base="elsewhere")
    house.held(house.run(), "PendingApproval")


def test_a_rebased_pull_request_covers_its_own_commits_alone(house: House) -> None:
    house.push(SITE)
    head = house.plan(1, BLOG, {"applications/more.yaml": application("more")})
    house.forge.review(1, "ada", head)
    house.merge(1, "fast-forward-only")
    message = house.held(house.run(), "PendingApproval")
    assert message.count("came with no merged pull request") == 1


def test_a_policy_in_the_environments_own_repository_says_nothing(house: House) -> None:
    house.push({"policies/p.yaml": policy(WINDOW), **BLOG})
    house.held(house.run(), "PendingApproval")


def test_what_cannot_be_read_is_no_permission(house: House) -> None:
    approved_once(house)
    house.forge.down = UnavailableError("gitea did not answer")
    assert "gitea did not answer" in house.held(house.run(), "Unavailable")
    house.forge.down = None
    house.policies = UnavailableError("the system repository is gone")
    assert "the system repository is gone" in house.held(house.run(), "Unavailable")
    assert house.stage.status().condition("Admitted").status == "Unknown"
    house.policies = read(policy(REQUIRED.replace("platform", "nobodys")))
    assert "there is no team acme/nobodys" in house.held(house.run(), "Missing")
    house.policies = EnvironmentPolicies()  # the Sovereign has a say, and may take the policy away
    assert "resolved" in house.run().pushed
    assert house.admitted()[0] == "NoPolicy"


def test_a_broken_policy_holds_and_says_where(house: House) -> None:
    approved_once(house)
    house.policies = read(policy(REQUIRED), policy(WINDOW.replace("14", "25")).replace("name: p", "name: q"))
    assert "policies/1.yaml:7:35: spec.rules.0.cron: it is no cron expression: bad hour" in house.held(
        house.run(), "PolicyBroken"
    )
    house.policies = read(policy(REQUIRED))
    assert "resolved" in house.run().pushed
    house.policies = read("kind: [")
    house.run()
    assert house.admitted()[0] == "PolicyBroken", "also while there is nothing to hold"
    assert house.stage.status().condition("Committed").status == "True"


def test_to_render_anew_what_was_admitted_needs_nobody(house: House) -> None:
    approved_once(house)
    house.push({"README.md": "words"})
    house.run()
    assert names(house) == ["blog", "shop"]
    house.policies = read(policy(REQUIRED, WINDOW, SCORE))
    house.forge.said.clear()
    house.stage.around = replace(house.stage.around, interval="11m")
    assert "resolved" in house.run().pushed


def test_what_was_published_anew_under_its_version_is_admitted_anew(house: House) -> None:
    approved_once(house)
    house.run()
    house.stage.shelf.put(anew(verified("bp-shop", "1.0.0")))
    house.policies = read(policy(REQUIRED, WINDOW))
    house.held(house.run(), "OutsideWindow")
    house.now = at("2026-12-01T14:00")
    assert "resolved" in house.run().pushed
    assert {p.digest for p in house.stage.lock().packages} == {AGAIN}


# time


def test_a_window_opens_by_itself_and_our_clock_decides(house: House) -> None:
    house.policies = read(policy(WINDOW))
    house.push(BLOG)
    running = house.start()
    outcome = running.run(wait=1)
    assert house.held(outcome, "OutsideWindow") == "p: the change window opens at 2026-12-01 14:00:00 UTC"
    assert outcome.fetch_after == at("2026-12-01T14:00") - house.now
    house.now = at("2026-12-01T13:59:59")
    assert running.run(wait=1).fetch_after == 1.0
    house.now = at("2026-12-01T14:00")
    assert "resolved" in running.run(fetch=False, wait=1).pushed, "at that very moment, whoever looks"
    house.now = at("2026-12-01T17:00")
    house.push(SITE)
    house.held(running.run(wait=1), "OutsideWindow")


@pytest.mark.parametrize("restart", [False, True])
def test_what_lost_its_trust_while_it_was_held_is_not_committed(house: House, restart: bool) -> None:
    house.stage.limits["retry"] = 0.0
    house.policies = read(policy(WINDOW))
    house.stage.shelf.put(verified("bp-blog", "1.0.0"))
    house.push({"applications/blog.yaml": application("blog", "bp-blog")})
    running = house.start()
    house.held(running.run(wait=1), "OutsideWindow")
    house.stage.shelf.put_unsigned("bp-blog", "1.0.0")
    house.now = at("2026-12-01T14:00")
    outcome = (house.start() if restart else running).run(wait=1)
    assert "resolved" not in outcome.pushed
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), "it has no signature" in outcome.blocker.message) == (True, True)


def test_what_is_held_stays_what_it_was_when_a_newer_version_comes(house: House) -> None:
    house.stage.limits["retry"] = 0.0
    house.policies = read(policy(WINDOW))
    house.push(BLOG)
    running = house.start()
    house.held(running.run(wait=1), "OutsideWindow")
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
    running.run(wait=1)
    house.now = at("2026-12-01T14:00")
    assert "resolved" in running.run(wait=1).pushed
    assert {p.application: p.version for p in house.stage.lock().packages} == {"blog": "1.0.0", "shop": "1.0.0"}


def test_dates_of_commits_never_matter(house: House) -> None:
    house.policies = read(policy(WINDOW))
    git(house.work, "commit", "-q", "--allow-empty", "-m", "x", "--date=2026-12-01T14:30:00+00:00")
    house.push(BLOG)
    house.held(house.run(), "OutsideWindow")


def test_a_held_status_is_written_once(house: House) -> None:
    house.policies = read(policy(WINDOW, REQUIRED))
    house.push(BLOG)
    running = house.start()
    running.run(wait=1)
    house.now += 600
    assert running.run(wait=1).pushed == ()


class Source:
    """The `status` branch of acme-stg, where the shop runs as another Application."""

    def __init__(self, house: House) -> None:
        self.origin = bare(house.stage.folder / "served" / "stg.git")
        self.writer = Repository(house.stage.folder / "writer", self.origin.as_uri())
        self.digest = next(p.digest for p in house.stage.lock().packages)
        self.content: dict[str, bytes] = {}
        house.history = SoakHistory(Repository(house.stage.folder / "source", self.origin.as_uri(), history=True), confirm=300)

    def say(self, when: str, ready: str, message: str = "s") -> None:
        placement = {"cluster": "c", "ready": ready, "state": "Running", "reason": "r", "message": "m"}
        one = {"name": "other", "blueprint": "bp-shop", "version": "1.0.0", "digest": self.digest, "state": "Running"}
        status = {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "EnvironmentStatus",
            "metadata": {"name": "acme-stg"},
            "input": "x",
            "conditions": [],
            "applications": [{**one, "ready": ready, "placements": [placement]}],
        }
        self.content = {"status.yaml": json.dumps(status).encode()}
        self._push("status", when, message, parent=True)

    def confirm(self, when: str) -> None:
        self._push(CONFIRMED, when, "c", parent=False)

    def _push(self, ref: str, when: str, message: str, *, parent: bool) -> None:
        heads = self.writer.heads()
        if parent and ref in heads:
            self.writer.fetch({ref: heads[ref]})
        before = heads.get(ref) if parent else None
        made = self.writer.write(self.content, parent=before, message=message, time=int(at(when)))
        self.writer.push(made.id, ref, expect=heads.get(ref))


def test_a_soak_is_over_at_the_moment_that_it_tells(house: House) -> None:
    house.policies = read(policy(SOAK))
    source = Source(house)
    source.say("2026-11-29T00:00", "True")
    source.say("2026-11-30T00:00", "False")
    source.say("2026-11-30T06:00", "True")
    source.confirm("2026-12-01T08:58")
    house.push(BLOG)
    running = house.start()
    told = "p: bp-shop 1.0.0 will have been Ready in acme-stg for 72h at 2026-12-02 06:00:00 UTC if it stays so"
    outcome = running.run(wait=1)
    assert house.held(outcome, "Soaking") == told
    assert outcome.fetch_after == at("2026-12-02T06:00") - house.now
    house.now = at("2026-12-02T05:59:59")
    assert "nobody watches it" in house.held(running.run(wait=1), "Soaking")
    source.confirm("2026-12-02T05:50")
    assert house.held(running.run(wait=1), "Soaking") == told
    house.now = at("2026-12-02T06:00")
    assert "resolved" in running.run(fetch=False, wait=1).pushed


def test_time_that_nobody_watched_is_no_soak(house: House) -> None:
    house.policies = read(policy(SOAK))
    source = Source(house)
    source.say("2026-11-01T00:00", "True")
    source.say("2026-12-01T08:00", "True", "s\n\nUnwatched-Since: 2026-11-02T00:00:00+00:00\n")
    house.push(BLOG)
    source.confirm("2026-12-01T08:58")
    assert "at 2026-12-03 08:00:00 UTC if it stays so" in house.held(house.run(), "Soaking")


def test_what_is_no_confirmation_confirms_nothing(house: House) -> None:
    house.policies = read(policy(SOAK))
    source = Source(house)
    source.say("2026-11-01T00:00", "True")
    git(source.origin, "update-ref", CONFIRMED, git(source.origin, "rev-parse", "status:status.yaml"))
    house.push(BLOG)
    assert "nobody watches it" in house.held(house.run(), "Soaking")


def test_a_confirmation_that_is_dated_ahead_confirms_nothing(house: House) -> None:
    house.policies = read(policy(SOAK))
    source = Source(house)
    source.say("2026-11-01T00:00", "True")
    source.confirm("2099-01-01T00:00")
    house.push(BLOG)
    assert "nobody watches it" in house.held(house.run(), "Soaking")


def test_a_reconciler_that_was_away_says_so_once(house: House) -> None:
    house.policies = EnvironmentPolicies()
    house.stage.limits["confirm"] = 0.2
    house.run()
    tree, head = house.stage.trees("status")[0], house.stage.head("status")
    time.sleep(2)  # longer than three times the interval, in the whole seconds that git has
    made = house.stage.start()
    assert "status" in made.run(wait=1).pushed
    assert "Unwatched-Since: " in house.stage.message("status")
    assert (house.stage.trees("status")[0], house.stage.git("rev-parse", "status^")) == (tree, head)
    assert made.run(wait=1).pushed == ()


def test_a_reconciler_that_was_away_says_so_although_its_first_push_fails(house: House) -> None:
    house.policies = EnvironmentPolicies()
    house.stage.limits["confirm"] = 0.2
    house.run()
    time.sleep(2)
    with GitServer(house.stage.origin.parent).running() as server:
        house.stage.url = f"{server.url}/env.git"
        hook(house.stage.origin, "update", "exit 1")
        made = house.stage.start()
        with pytest.raises(RejectedError):
            made.run(wait=1)
        (house.stage.origin / "hooks" / "update").unlink()
        assert "status" in made.run(wait=1).pushed
    assert "Unwatched-Since: " in house.stage.message("status")


def test_what_the_source_never_ran_and_what_it_is_not(house: House) -> None:
    house.policies = read(policy(SOAK))
    house.push(BLOG)
    assert house.held(house.run(), "UnknownSource") == "p: there is none"
    house.stage.shelf.put(verified("bp-new", "1.0.0"))
    source = Source(house)
    source.say("2026-11-01T00:00", "True")
    source.confirm("2026-12-01T08:58")
    house.push({"applications/blog.yaml": application("blog", "bp-new")})
    assert "bp-new 1.0.0 was never in acme-stg: it must run there first" in house.held(house.run(), "Soaking")
    house.push({"applications/blog.yaml": application("blog")})
    assert "resolved" in house.run().pushed, "the shop soaked there under another name"


def test_a_score_must_be_there_and_high_enough(house: House) -> None:
    house.policies = read(policy(SCORE))
    head = house.plan(1, BLOG)
    made = house.merge(1)
    house.held(house.run(), "ScoreMissing")
    house.forge.mark(head, "re-score", "score 79")
    assert f"re-score of {head[:10]} is 79; it must be at least 80 of 100" in house.held(house.run(), "ScoreTooLow")
    house.forge.mark(made, "re-score", "99/100", state="failure")
    house.held(house.run(), "ScoreTooLow")
    house.forge.mark(made, "re-score", "83/100")
    assert "resolved" in house.run().pushed


def test_no_change_rides_on_the_score_of_another(house: House) -> None:
    house.policies = read(policy(SCORE))
    bad, good = house.plan(1, SITE), house.plan(2, BLOG)
    house.forge.mark(bad, "re-score", "10/100")
    house.forge.mark(good, "re-score", "95/100")
    house.merge(1)
    house.held(house.run(), "ScoreTooLow")
    made = house.merge(2)
    assert f"re-score of {bad[:10]} is 10" in house.held(house.run(), "ScoreTooLow")
    made = house.push({"applications/shop.yaml": f"# a comment\n{application('shop')}"})
    assert f"re-score of {bad[:10]} is 10" in house.held(house.run(), "ScoreTooLow"), "comments need none"
    house.forge.mark(made, "re-score", "81/100")
    assert "resolved" in house.run().pushed, "the score of the head is of all that is on it"


def test_a_score_counts_of_those_who_are_named(house: House) -> None:
    house.policies = read(policy(SCORE.replace("80", "80, setBy: [Scorer]")))
    made = house.push(BLOG)
    house.forge.mark(made, "re-score", "100/100", person="eve")
    house.held(house.run(), "ScoreMissing")
    house.forge.mark(made, "re-score", "12/100", person="scorer")
    house.forge.mark(made, "re-score", "100/100", person="eve")
    house.held(house.run(), "ScoreTooLow")
    house.forge.mark(made, "re-score", "83/100", person="scorer")
    assert "resolved" in house.run().pushed


def test_without_a_forge_nobody_can_approve(house: House) -> None:
    house.policies = read(policy(REQUIRED))
    house.push(BLOG)
    gate = gate_of(lambda: read(policy(REQUIRED)), lambda: house.now)
    assert "pr-required can never hold" in house.held(house.stage.start(gate=gate).run(wait=1), "PendingApproval")


def test_an_update_by_hand_asks_the_same_rules(house: House) -> None:
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))

    def asked() -> str:
        branches = EnvironmentBranches(Repository(house.stage.folder / "own", house.stage.origin.as_uri()))
        stage = house.stage
        found = update(stage.identity, branches, stage.world(), (), house.gate(), push=True)
        return found.blocker.reason if found.blocker else "done"

    assert asked() == "PendingApproval"
    house.policies = read(policy(WINDOW))
    assert asked() == "OutsideWindow"
    house.now = at("2026-12-01T15:00")
    assert asked() == "done"


def test_what_nobody_proposed_yet_is_told_what_it_will_need(house: House) -> None:
    house.policies = read(policy(REQUIRED, WINDOW, SCORE, SOAK))
    found = house.gate().evaluate_draft(house.stage.lock().packages)
    assert [(one.kind, one.reason) for one in found.results] == [
        ("pr-required", "PendingApproval"),
        ("change-window", "OutsideWindow"),
        ("re-score-gate", "ScoreMissing"),
        ("soak", "UnknownSource"),
    ]
    assert found.results[0].message == "1 of platform or security must approve its pull request"
    house.policies = UnavailableError("no answer")
    assert house.gate().evaluate_draft(()).status == "Unknown"


def test_the_service_looks_again_at_that_very_moment(house: House) -> None:
    house.policies = read(policy(WINDOW))
    house.push(BLOG)
    opens, began = at("2026-12-01T14:00"), time.time()
    made = house.stage.start(gate=gate_of(lambda: read(policy(WINDOW)), lambda: opens - 3 + time.time() - began))
    targets = {"acme-prod": EnvironmentTarget(house.stage.identity, "", None)}
    service = Controller(lambda: targets, lambda _: made, workers=1, poll=3600, discover=3600)
    service.start()
    try:
        until(lambda: house.admitted()[0] == "OutsideWindow" if house.stage.head("status") else False)
        until(lambda: names(house) == ["blog", "shop"])
    finally:
        assert service.stop(20)
    # git has whole seconds, and a window's own moment is one
    assert int(house.stage.git("log", "-1", "--format=%ct", "resolved")) >= int(began + 3)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
