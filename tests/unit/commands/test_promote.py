"""Promotion over real repositories on disk, with a forge in memory: what is written where, and what is left to people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.commands.promote import Promotion, PromotionTarget, merge_promotion, open_promotion, promotion_source
from reconciler.domain.onboarding.branch_protection import CHECKS
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import NotFoundError, RejectedError
from reconciler.model.forge import CommitStatusRecord, OwnPullRequest
from reconciler.services.admission.soak_history import SoakHistory
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import application, environment, files
from tests.support.environments import AROUND, EnvironmentOnDisk
from tests.support.fakes import FakeCatalog, verified

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BOLT = "hz-fsn-rtz-prod-bolt"
WHERE = "bolt/bolt-prod"
US = "catalyst"
SHOP = "applications/shop.yaml"


@dataclass
class FakePromotionForge:
    """A ProposalForge in memory; it keeps count of what is written."""

    open: list[OwnPullRequest] = field(default_factory=list)
    marks: list[CommitStatusRecord] = field(default_factory=list)
    merged: list[tuple[int, str]] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    against: str = ""
    busy: int = 0
    writes: int = 0

    def proposal(self, repository: str, branch: str, base: str) -> OwnPullRequest | None:
        assert (repository, branch, base) == (WHERE, "promote/acme-prod", "main")
        return self.open[-1] if self.open else None

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, text: str) -> int:
        del repository, branch, base
        self.writes += 1
        self.open.append(OwnPullRequest(number=7, title=title, text=text))
        return 7

    def edit_proposal(self, repository: str, number: int, title: str, text: str) -> None:
        del repository
        self.writes += 1
        self.open[-1] = OwnPullRequest(number=number, title=title, text=text)

    def statuses_by(self, repository: str, commit: str) -> Sequence[CommitStatusRecord]:
        del repository, commit
        if self.later:
            self.mark(self.later.pop(0), "words")
        return self.marks

    def mark(self, state: str, words: str, by: str = US) -> None:
        """Let somebody set all that is checked."""
        self.marks += [CommitStatusRecord(len(self.marks), check, by, state, words, 0) for check in CHECKS]

    def merge(self, repository: str, number: int, commit: str) -> bool:
        del repository
        if self.against:
            raise RejectedError(self.against)
        self.busy -= 1
        if self.busy < 0:
            self.merged.append((number, commit))
        return self.busy < 0


@dataclass
class PromotionScene:
    """acme-prod with a shop in 1.1.0 that is ready, and bolt-prod with one in 1.0.0."""

    folder: Path
    forge: FakePromotionForge = field(default_factory=FakePromotionForge)
    starts: int = 0

    def __post_init__(self) -> None:
        (self.folder / "source").mkdir()
        (self.folder / "goal").mkdir()
        shelf = FakeCatalog(verified("bp-shop", "1.0.0"))
        self.goal = EnvironmentOnDisk(self.folder / "goal", shelf=shelf, identity=EnvironmentIdentity("bolt-prod"))
        self.goal.settle(self.content(application("shop")))
        shelf.put(verified("bp-shop", "1.1.0"))
        self.source = EnvironmentOnDisk(self.folder / "source", shelf=shelf)
        self.source.settle(files("shop"))

    @staticmethod
    def content(shop: str) -> dict[str, str]:
        return {"environment.yaml": environment(name="bolt-prod", organization="bolt", clusters=(BOLT,)), SHOP: shop}

    def promote(self, *names: str, patience: float = 600) -> tuple[PromotionTarget, Promotion]:
        """As the command does it: nothing is known from before."""
        self.starts += 1
        clones = self.folder / f"clones-{self.starts}"
        history = SoakHistory("acme-prod", Repository(clones / "history", self.source.origin.as_uri(), history=True), 300)
        ready = promotion_source(
            "acme-prod", EnvironmentBranches(Repository(clones / "from", self.source.origin.as_uri())), patience
        )
        clone = Repository(clones / "to", self.goal.origin.as_uri())
        goal = PromotionTarget(self.goal.identity, self.forge, US, WHERE, clone, EnvironmentBranches(clone))
        world = ReconcileContext(self.goal.shelf, self.goal.fleet, self.goal.policies, lambda _: AROUND)
        return goal, open_promotion(ready, history, goal, world, names)


@pytest.fixture
def scene(tmp_path: Path) -> PromotionScene:
    return PromotionScene(tmp_path)


def left(found: Promotion) -> Sequence[str]:
    return [f"{one.application}: {one.why}" for one in found.skipped]


def test_one_pull_request_that_a_second_run_leaves_as_it_is(scene: PromotionScene) -> None:
    main = scene.goal.head("main")
    _, found = scene.promote()
    assert (found.result, found.number) == ("opened", 7)
    assert found.soaked == {found.pins[0].package.digest: pytest.approx(0, abs=60)}
    assert "less than a minute" in scene.forge.open[0].text
    assert scene.goal.head("promote/acme-prod") == found.commit
    assert scene.goal.git("log", "-1", "--format=%P", found.commit) == main
    assert scene.goal.show(found.commit, SHOP) == application("shop", version="1.1.0").strip()
    assert scene.forge.open[0].title == "Promote shop 1.1.0 from acme-prod"
    everything, writes = scene.goal.everything(), scene.forge.writes
    _, again = scene.promote()
    assert (again.result, again.commit) == ("as it was", found.commit)
    assert (scene.goal.everything(), scene.forge.writes) == (everything, writes)


def test_it_follows_main_and_what_is_asked_for(scene: PromotionScene) -> None:
    _, first = scene.promote()
    new = application("shop").replace("metadata", "# a comment\nmetadata") + "  size: small\n"
    main = scene.goal.push(scene.content(new) | {"script.sh": "x"})
    _, found = scene.promote()
    assert (found.result, found.number) == ("updated", first.number)
    assert scene.goal.git("log", "-1", "--format=%P", found.commit) == main
    assert scene.goal.git("diff", "--stat", f"{main}..{found.commit}").count("|") == 1
    assert scene.goal.show(found.commit, SHOP) == new.replace("^1.0", "1.1.0").strip()
    scene.source.shelf.put(verified("bp-shop", "1.2.0"))
    scene.source.push(files("shop") | {SHOP: application("shop", version="^1.2")})
    scene.source.start().run(wait=1)
    scene.source.fleet.run_all(scene.source.lock())
    scene.source.start().run(wait=1)
    assert scene.promote("shop")[1].result == "updated"
    assert scene.forge.open[0].title == "Promote shop 1.2.0 from acme-prod"
    assert len(scene.forge.open) == 1


def test_nothing_to_promote_opens_nothing(scene: PromotionScene) -> None:
    scene.goal.push(scene.content(application("shop", version="1.1.0")))
    _, found = scene.promote()
    assert (found.result, found.skipped, scene.forge.writes) == ("nothing to promote", (), 0)
    assert scene.goal.head("promote/acme-prod") is None


def test_what_is_not_ready_any_more_is_not_promoted(scene: PromotionScene) -> None:
    scene.source.fleet.releases.clear()
    scene.source.start().run(wait=1)
    for names in ((), ("shop",)):
        _, found = scene.promote(*names)
        assert (found.result, scene.forge.writes) == ("refused" if names else "nothing to promote", 0)
        assert "not ready" in left(found)[0]


def test_a_status_that_nobody_confirmed_for_long_says_nothing(scene: PromotionScene) -> None:
    _, found = scene.promote(patience=-1)
    assert left(found) == ["shop: the state of acme-prod is unknown: its status is missing, or has not been confirmed lately"]


def test_what_people_pushed_to_the_branch_stays(scene: PromotionScene) -> None:
    _, found = scene.promote()
    scene.goal.git("update-ref", "refs/heads/promote/acme-prod", found.commit)
    mine = scene.goal.push({**scene.content(application("shop", version="1.1.0")), "notes.md": "mine"}, "promote/acme-prod")
    scene.goal.push(scene.content(application("shop", version="~1.0")))
    with pytest.raises(RejectedError, match="has a commit that is not the reconciler's"):
        scene.promote()
    assert scene.goal.head("promote/acme-prod") == mine


def test_what_is_refused_on_main_is_told_first(scene: PromotionScene) -> None:
    scene.goal.push(scene.content(application("shop", version="latest!")))
    _, found = scene.promote()
    assert (found.result, [p.code for p in found.problems]) == ("refused", ["InvalidRange"])
    scene.goal.push(scene.content(application("shop").replace("version: ^1.0", 'version: "\\x5e1.0"')))
    _, found = scene.promote()
    assert left(found) == ["shop: its version cannot be replaced in place: write 1.1.0 at applications/shop.yaml:5:39"]


def test_before_anything_is_resolved_there_is_nothing_to_promote(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing is resolved yet in acme-prod"):
        promotion_source(
            "acme-prod", EnvironmentBranches(Repository(tmp_path / "clone", EnvironmentOnDisk(tmp_path).origin.as_uri())), 600
        )


def test_it_is_merged_at_the_commit_whose_checks_are_green(scene: PromotionScene) -> None:
    goal, found = scene.promote()
    assert merge_promotion(goal, found, 0) == "catalyst/plan is pending: the reconciler has not reviewed it yet"
    scene.forge.mark("failure", "Conflict")
    assert merge_promotion(goal, found, 0) == "catalyst/plan is failure: Conflict"
    scene.forge.mark("success", "1 of 1", by="mallory")
    assert merge_promotion(goal, found, 0) == "catalyst/plan was set by mallory, not by catalyst"
    scene.forge.mark("success", "1 of 1")
    scene.forge.against = "Does not have enough approvals"
    assert merge_promotion(goal, found, 0) == "Does not have enough approvals"
    assert scene.forge.merged == []
    scene.forge.against = ""
    assert merge_promotion(goal, found, 0) == ""
    assert scene.forge.merged == [(7, found.commit)]


def test_pending_checks_are_waited_for_and_red_ones_are_not(scene: PromotionScene) -> None:
    goal, found = scene.promote()
    scene.forge.later = ["pending", "failure", "success"]
    assert merge_promotion(goal, found, 60) == "catalyst/plan is failure: words"
    scene.forge.later = ["pending", "success"]
    scene.forge.busy = 2
    assert merge_promotion(goal, found, 0) == "catalyst/plan is pending: words"
    assert merge_promotion(goal, found, 0) == "the forge has not determined yet whether it conflicts"
    assert merge_promotion(goal, found, 60) == ""
    assert scene.forge.merged == [(7, found.commit)]
