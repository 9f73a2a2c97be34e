"""An Environment under policies: its repository on disk, a review forge and a clock in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.adapters.git import Repository
from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.domain.review.commit_statuses import plan_status
from reconciler.model.errors import ReconcilerError
from reconciler.model.forge import CommitStatusRecord, MergedPullRequest, PullRequestHistory, Review
from reconciler.services.admission.approvals import ApprovalReader
from reconciler.services.admission.gate import AdmissionGate
from reconciler.services.planning.namespace_claims import sole_claim
from reconciler.services.planning.planner import (
    is_revert,
    merge_ref,
    plan_change,
    plan_fingerprint,
    reviewed_packages,
    to_plan_commit,
)
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import application
from tests.support.fakes import verified
from tests.support.git_server import git

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.domain.admission.plan_binding import PlanFingerprint
    from reconciler.domain.catalog import VerifiedBlueprint
    from reconciler.model.lock import EnvironmentLock
    from reconciler.services.admission.soak_history import SoakHistory
    from reconciler.services.environment_pass import EnvironmentPass
    from reconciler.services.reconcile.outcome import ReconcileOutcome
    from tests.support.environments import EnvironmentOnDisk

US, WHERE = "catalyst", "acme/acme-prod"

PLAN = "catalyst/plan"

AGAIN = f"sha256:{'e' * 64}"


BLOG = {"applications/blog.yaml": application("blog")}

SITE = {"applications/site.yaml": application("site")}


def timestamp(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class FakeReviewForge:
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
class GovernedEnvironment:
    """An Environment whose shop is resolved, under policies; people work on it in a clone of their own."""

    stage: EnvironmentOnDisk
    forge: FakeReviewForge = field(
        default_factory=lambda: FakeReviewForge(teams={"acme/platform": frozenset({"ada", "bob"}), "acme/security": frozenset()})
    )
    policies: EnvironmentPolicies | ReconcilerError | Callable[[], EnvironmentPolicies] = field(
        default_factory=EnvironmentPolicies
    )
    now: float = timestamp("2026-12-01T09:00")
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
            return self.policies() if callable(self.policies) else self.policies

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
        plan_status_text, bound = to_plan_commit(found, branches, self.comes_to), plan_fingerprint(found, main, self.comes_to)
        assert plan_status_text is not None
        assert bound is not None
        branches.push_plan(number, plan_status_text, found.desired.files, "a plan")
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


def published_anew(one: VerifiedBlueprint) -> VerifiedBlueprint:
    """A Blueprint that was published again, with other content, under the same version."""
    return replace(one, artifact=f"{one.artifact.partition('@')[0]}@{AGAIN}")


def applications_of(house: GovernedEnvironment) -> list[str]:
    return [p.application for p in house.stage.lock().packages]


def approved_once(house: GovernedEnvironment) -> str:
    head = house.plan(1, BLOG)
    house.merge(1)
    house.forge.review(1, "bob", head)
    return head


def plan_status_text(bound: PlanFingerprint) -> str:
    return plan_status((), 1, bound, None).description


def approved_together(house: GovernedEnvironment) -> None:
    """Two pull requests that were planned, approved and merged before anybody looked again, and a newer version since."""
    for number, content in ((1, SITE), (2, BLOG)):
        house.forge.review(number, "ada", house.plan(number, content))
    house.stage.shelf.put(verified("bp-shop", "1.1.0"))
