"""An Environment with pull requests against it, on a forge in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.adapters.git import Repository
from reconciler.adapters.git.remote import MAX_FETCH
from reconciler.domain.admission.environment_policies import EnvironmentPolicies, environment_policies
from reconciler.domain.review.plan_comment import MARKER
from reconciler.model.errors import AccessDeniedError, NotFoundError, ReconcilerError
from reconciler.model.forge import Comment, PullRequest
from reconciler.model.source import Source
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.planning.namespace_claims import sole_claim
from reconciler.services.review.pull_request_reviewer import PullRequestReviewer
from tests.support.environment_files import application, files, gate_of, open_gate
from tests.support.environments import AROUND, EnvironmentOnDisk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.domain.catalog import VerifiedBlueprint
    from reconciler.services.admission.gate import AdmissionGate
    from reconciler.services.environment_pass import EnvironmentPass

US = "catalyst"

PLAN = "catalyst/plan"


@dataclass
class FakePullRequestForge:
    """A PullForge in memory; it keeps count of what is written."""

    open: dict[int, PullRequest] = field(default_factory=dict)
    closed: dict[int, PullRequest] = field(default_factory=dict)
    talk: dict[int, list[Comment]] = field(default_factory=dict)
    marks: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)
    writes: int = 0
    asked: int = 0
    fault: ReconcilerError | None = None
    mute: set[int] = field(default_factory=set)

    def pull_requests(self, repository: str) -> Sequence[PullRequest]:
        assert repository == "acme/acme-prod"
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return tuple(self.open.values())

    def pull_request(self, repository: str, number: int) -> PullRequest:
        del repository
        if number not in self.closed:
            raise NotFoundError("there is no such pull request")
        return self.closed[number]

    def close(self, number: int, merged: str | None = None) -> None:
        self.closed[number] = replace(self.open.pop(number), merged=merged)

    def comments(self, repository: str, number: int) -> Sequence[Comment]:
        del repository
        if number in self.mute:
            raise AccessDeniedError("may not")
        return tuple(self.talk.get(number, ()))

    def comment(self, repository: str, comment: int) -> Comment:
        del repository
        found = [one for talk in self.talk.values() for one in talk if one.id == comment]
        if not found:
            raise NotFoundError("there is no such comment")
        return found[0]

    def post_comment(self, repository: str, number: int, text: str) -> int:
        del repository
        self.say(number, US, text)
        self.writes += 1
        return self.talk[number][-1].id

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        del repository
        self.writes += 1
        self.talk = {n: [Comment(c.id, c.author, text) if c.id == comment else c for c in cs] for n, cs in self.talk.items()}

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        del repository
        return dict(self.marks.get(commit, {}))

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        del repository
        self.marks.setdefault(commit, {})[context] = (state, description)
        self.posted.append(context)
        self.writes += 1

    def say(self, number: int, who: str, text: str) -> None:
        self.talk.setdefault(number, []).append(Comment(100 * number + len(self.talk.get(number, ())), who, text))


@dataclass
class EnvironmentWithPullRequests:
    """An Environment with a shop that is resolved, and pull requests against it."""

    stage: EnvironmentOnDisk
    forge: FakePullRequestForge = field(default_factory=FakePullRequestForge)
    gate: AdmissionGate | None = None
    stands: float = 300.0
    retry: float | None = None  # of the passes over `main`
    review_retry: float = 0.0
    share: float = 300.0
    max_fetch: int = MAX_FETCH
    url: str = ""

    def start(self) -> EnvironmentPass:
        """As after a restart on another machine."""
        stage, place = self.stage, self.stage.folder / f"plans-{self.stage.starts + 1}"
        world = ReconcileContext(stage.shelf, stage.fleet, stage.policies, lambda _: AROUND, retry=self.review_retry)
        clone = Repository(place, self.url or stage.origin.as_uri(), history=True, max_fetch=self.max_fetch)
        gate, claim = self.gate or open_gate(), sole_claim(stage.identity)
        self.pulls = PullRequestReviewer(
            self.forge, US, "acme/acme-prod", clone, stage.identity, world, claim, gate, self.stands, self.share
        )
        return stage.start(gate=gate, pulls=self.pulls, retry=self.retry)

    def propose(self, number: int, content: dict[str, str], base: str = "main") -> str:
        """Open a pull request, or push to one that is open."""
        ref = f"refs/pull/{number}/head"
        self.stage.git("update-ref", f"refs/heads/tmp-{number}", self.stage.head("main") or "")
        commit = self.stage.push(content, f"tmp-{number}")
        self.stage.git("update-ref", ref, commit)
        self.stage.git("update-ref", "-d", f"refs/heads/tmp-{number}")
        self.forge.open[number] = PullRequest(number, base, commit)
        return commit

    def merge(self, number: int, content: dict[str, str]) -> None:
        """Have `main` hold this, and the forge say that it comes from a pull request."""
        self.forge.close(number, self.stage.push(content))

    def text(self, number: int) -> str:
        (one,) = [c.text for c in self.forge.talk[number] if c.author == US and c.text.startswith(MARKER)]
        return one


def shop_files(range_: str) -> dict[str, str]:
    return {"applications/shop.yaml": application("shop", version=range_), "environment.yaml": files()["environment.yaml"]}


def planned_versions(scene: EnvironmentWithPullRequests) -> dict[str, str]:
    return {p.application: p.version for p in scene.stage.lock().packages}


def policies_with(*rules: dict[str, str]) -> EnvironmentPolicies:
    """What one policy for the Environment says."""
    head = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "EnvironmentPolicy", "metadata": {"name": "p"}}
    spec = {"appliesTo": {"environments": ["acme-prod"]}, "rules": list(rules)}
    return environment_policies([Source("p.yaml", {**head, "spec": spec})])


@dataclass
class HeldEnvironment:
    """A Scene where `main` waits for its window with what somebody pushed."""

    scene: EnvironmentWithPullRequests
    now: datetime = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def start(self, *newer: VerifiedBlueprint, wants: str) -> EnvironmentPass:
        policies = policies_with({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
        self.scene.gate = gate_of(lambda: policies, self.clock)
        for one in newer:
            self.scene.stage.shelf.put(one)
        running = self.scene.start()
        self.scene.stage.push(shop_files(wants))
        assert running.run().blocker is not None
        return running

    def clock(self) -> float:
        return self.now.timestamp()

    def open(self) -> None:
        self.now = self.now.replace(hour=14)
