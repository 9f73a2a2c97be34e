"""Pull requests against one Environment: what is written where, how often, and what happens when something fails."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.decide.comment import MARKER
from reconciler.decide.policies import EnvironmentPolicies, environment_policies
from reconciler.loop.claims import sole_claim
from reconciler.loop.passes import ReconcileContext
from reconciler.loop.pulls import PullRequestReviewer
from reconciler.model.faults import AccessDeniedError, NotFoundError, ReconcilerError, UnavailableError
from reconciler.model.source import Source
from reconciler.world.git import Repository
from reconciler.world.gitea import Comment, PullRequest
from tests.loop.builders import AROUND, DOWN, Stage, application, files, gate_of, open_gate, verified
from tests.world.git_server import GitServer, git

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.decide.catalog import VerifiedBlueprint
    from reconciler.loop.admission import AdmissionGate
    from reconciler.loop.environment_pass import EnvironmentPass

US = "catalyst"
PLAN = "catalyst/plan"


@dataclass
class Forge:
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
class Scene:
    """An Environment with a shop that is resolved, and pull requests against it."""

    stage: Stage
    forge: Forge = field(default_factory=Forge)
    gate: AdmissionGate | None = None
    stands: float = 300.0
    retry: float | None = None  # of the passes over `main`

    def start(self) -> EnvironmentPass:
        """As after a restart on another machine."""
        stage, place = self.stage, self.stage.folder / f"plans-{self.stage.starts + 1}"
        world = ReconcileContext(stage.shelf, stage.fleet, stage.policies, lambda _: AROUND, retry=0.0)
        clone = Repository(place, stage.origin.as_uri(), history=True)
        gate, claim = self.gate or open_gate(), sole_claim(stage.identity)
        self.pulls = PullRequestReviewer(self.forge, US, "acme/acme-prod", clone, stage.identity, world, claim, gate, self.stands)
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


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    stage = Stage(tmp_path)
    stage.push(files("shop"))
    stage.start().run(wait=1)
    return Scene(stage)


def test_a_pull_request_is_told_once_also_after_a_restart(scene: Scene) -> None:
    head = scene.propose(3, files("shop", "blog"))
    before = scene.stage.head("resolved")
    running = scene.start()
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert "| blog | added |" in scene.text(3)
    assert scene.stage.head("resolved") == before
    assert scene.stage.git("log", "-1", "--format=%P", "plan/pr-3") == before
    writes, refs = scene.forge.writes, scene.stage.git("for-each-ref")
    running.run()
    scene.start().run()
    assert (scene.forge.writes, scene.stage.git("for-each-ref")) == (writes, refs)


def test_a_status_that_somebody_overwrote_is_posted_again(scene: Scene) -> None:
    head = scene.propose(3, files("shop") | {"applications/blog.yaml": application("blog", version="^9")})
    running = scene.start()
    running.run()
    told = dict(scene.forge.marks[head])
    scene.forge.marks[head][PLAN] = ("success", "all is well")
    scene.pulls._told[3].notices._stands = 0.0  # as after a while
    running.run()
    assert scene.forge.marks[head] == told


@pytest.mark.parametrize(("stands", "kept"), [(0.0, True), (300.0, False)])
def test_a_comment_that_somebody_edited_is_restored_after_a_while(scene: Scene, stands: float, kept: bool) -> None:
    scene.stands = stands
    scene.propose(1, files("shop") | {"applications/blog.yaml": application("blog")})
    here = scene.start()
    here.run(wait=1)
    told = scene.text(1)
    scene.forge.edit_comment("", scene.forge.talk[1][0].id, f"{MARKER}\nnothing to see")
    here.run(wait=1)
    assert (scene.text(1) == told) is kept


def test_a_comment_that_somebody_deleted_is_written_again(scene: Scene) -> None:
    scene.propose(1, files("shop") | {"applications/blog.yaml": application("blog")})
    here = scene.start()
    here.run(wait=1)
    scene.forge.talk[1].clear()
    scene.stage.push(files("shop") | {"applications/site.yaml": application("site")})
    here.run(wait=1)
    assert len(scene.forge.talk[1]) == 1
    assert "Plan for acme-prod" in scene.text(1)


def test_without_any_pull_request_the_forge_is_not_asked(scene: Scene) -> None:
    scene.start().run()
    assert scene.forge.asked == 0


def test_one_for_another_branch_is_nobody_s_business(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"), base="develop")
    scene.start().run()
    assert (scene.forge.writes, scene.stage.head("plan/pr-3")) == (0, None)


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_reviewed_is_what_is_applied_although_a_newer_version_came(scene: Scene, restart: bool) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.merge(3, files("shop", "blog"))
    (scene.start() if restart else running).run()
    assert scene.stage.trees("resolved")[0] == plan
    assert scene.stage.head("plan/pr-3") is None


def test_a_plan_that_was_not_made_of_what_was_merged_decides_nothing(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(files("shop", "other"))
    scene.start().run()
    assert versions(scene) == {"other": "1.1.0", "shop": "1.0.0"}


def test_a_plan_that_was_not_made_again_since_something_else_was_resolved_is_still_what_was_reviewed(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    stale = scene.stage.head("plan/pr-3")
    scene.forge.fault = UnavailableError("no answer")  # so that nobody plans anew
    scene.stage.push(files("shop", "other"))
    scene.start().run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(files("shop", "blog"))
    scene.start().run()
    assert scene.stage.head("plan/pr-3") == stale
    assert versions(scene) == {"blog": "1.0.0", "shop": "1.0.0"}


@pytest.mark.parametrize(
    "trailers", ["Changes: x [", "Changes: ", "Changes: x " + "[" * 100_000, "Changes: x [1]\nBrings: shop -"]
)
def test_a_plan_that_somebody_else_pushed_keeps_nothing_up(scene: Scene, trailers: str) -> None:
    made = scene.stage.git("commit-tree", "resolved^{tree}", "-m", f"words\n\n{trailers}\n")
    scene.stage.git("update-ref", "refs/heads/plan/pr-4", made)
    scene.forge.closed[4] = PullRequest(4, "main", made)
    scene.propose(3, files("shop", "blog"))
    scene.stage.push(files("shop", "other"))
    scene.start().run()
    assert versions(scene) == {"other": "1.0.0", "shop": "1.0.0"}
    assert "| blog | added |" in scene.text(3)


def test_where_one_is_made_upon_another_what_holds_more_is_what_was_reviewed(scene: Scene) -> None:
    running = scene.start()
    scene.propose(1, files("shop", "blog", "site"))
    running.run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.propose(2, files("shop", "blog"))
    running.run()
    scene.merge(1, files("shop", "blog", "site") | {"README.md": "words"})
    scene.start().run()
    assert versions(scene) == {"blog": "1.0.0", "shop": "1.0.0", "site": "1.0.0"}


def test_a_plan_takes_nothing_back_that_was_resolved_since(scene: Scene) -> None:
    scene.stage.shelf.put(verified("bp-web", "1.0.0", "bp-shop"))
    scene.propose(3, files("shop") | {"applications/web.yaml": application("web", "bp-web")} | shop("~1.1"))
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.start().run()
    assert "Brings: shop sha256:" in scene.stage.message("plan/pr-3")
    scene.forge.fault = UnavailableError("no answer")
    scene.stage.shelf.put(verified("bp-shop", "1.1.1"))
    scene.stage.push(shop("1.1.1"))
    scene.start().run()
    scene.stage.push(shop("~1.1") | {"applications/web.yaml": application("web", "bp-web")})
    scene.start().run()
    assert versions(scene) == {"shop": "1.1.1", "web": "1.0.0"}


def test_versions_that_were_reviewed_stay_when_main_moves_beside_them(scene: Scene) -> None:
    head = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    told = scene.forge.marks[head][PLAN][1].partition("; diff ")[2].partition(";")[0]
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(files("shop", "other"))
    running.run()
    assert versions(scene) == {"other": "1.1.0", "shop": "1.0.0"}
    assert "| blog | added |" in scene.text(3)
    assert "bp-shop 1.0.0" in scene.text(3)
    assert told in scene.forge.marks[head][PLAN][1], "an approval stands"
    scene.propose(3, files("shop", "blog", "site"))
    running.run()
    assert "| blog | added | bp-shop 1.0.0 |" in scene.text(3)
    assert "| site | added | bp-shop 1.1.0 |" in scene.text(3)
    changed = {"applications/blog.yaml": application("blog", version="^1.0")}
    scene.propose(3, files("shop") | changed)
    running.run()
    assert "| blog | added | bp-shop 1.1.0 |" in scene.text(3), "who proposes something else gets what is newest now"


def test_what_is_only_proposed_decides_for_nobody_else(scene: Scene) -> None:
    running = scene.start()
    scene.propose(1, files("shop", "blog"))
    scene.propose(2, files("shop", "site"))
    running.run()
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.propose(3, files("shop", "blog", "site"))
    scene.propose(4, files("shop", "blog"))
    running.run()
    assert "| blog | added | bp-shop 1.0.0 |" in scene.text(1)
    assert "| blog | added | bp-shop 1.1.0 |" in scene.text(4)
    scene.merge(1, files("shop", "blog"))
    scene.merge(2, files("shop", "blog", "site"))
    running.run()
    assert versions(scene) == {"blog": "1.0.0", "shop": "1.0.0", "site": "1.0.0"}


def shop(range_: str) -> dict[str, str]:
    return {"applications/shop.yaml": application("shop", version=range_), "environment.yaml": files()["environment.yaml"]}


def versions(scene: Scene) -> dict[str, str]:
    return {p.application: p.version for p in scene.stage.lock().packages}


def test_a_comment_of_somebody_else_is_not_taken_for_ours(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.forge.say(3, "mallory", f"{MARKER}\nall is well")
    scene.start().run()
    assert [c.author for c in scene.forge.talk[3]] == ["mallory", US]
    assert scene.forge.talk[3][0].text == f"{MARKER}\nall is well"


def test_a_refused_one_has_no_plan_until_it_is_mended(scene: Scene) -> None:
    bad = files("shop") | {"applications/blog.yaml": application("blog", "bp-nothing")}
    head = scene.propose(3, bad)
    running = scene.start()
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "failure"
    assert "**Refused**" in scene.text(3)
    assert scene.stage.head("plan/pr-3") is None
    head = scene.propose(3, files("shop", "blog"))
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert scene.stage.head("plan/pr-3") is not None
    scene.propose(3, bad)
    running.run()
    assert scene.stage.head("plan/pr-3") is None, "no branch shows what would not be applied"


def test_what_is_outside_is_asked_again_and_not_called_the_author_s_fault(scene: Scene) -> None:
    head = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    scene.stage.shelf.down = DOWN
    head = scene.propose(3, files("shop", "site"))
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "pending"
    scene.stage.shelf.down = None
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert len(scene.forge.talk[3]) == 1


def test_trouble_with_one_keeps_no_other_up(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    head = scene.propose(4, files("shop", "site"))
    scene.forge.mute.add(3)
    running = scene.start()
    outcome = running.run()
    assert outcome.blocker is None
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert 3 not in scene.forge.talk
    scene.forge.mute.clear()
    running.run()
    assert "| blog | added |" in scene.text(3)


def test_a_forge_that_does_not_answer_fails_no_pass(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.forge.fault = UnavailableError("no answer")
    running = scene.start()
    assert running.run().blocker is None
    scene.forge.fault = None
    running.run()
    assert "| blog | added |" in scene.text(3)


def test_a_merged_one_is_told_that_its_plan_is_applied(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    before = scene.text(3)
    scene.merge(3, files("shop", "blog"))
    running.run()
    assert f"**Merged, and applied as planned**: `resolved` has the tree `{scene.stage.trees('resolved')[0]}`" in scene.text(3)
    assert scene.text(3).startswith("\n".join(before.splitlines()[:2]))
    assert scene.text(3).endswith("\n".join(before.splitlines()[3:]) + "\n"), "what was reviewed stays to be read"
    writes = scene.forge.writes
    running.run()
    assert scene.forge.writes == writes


def test_a_merged_one_is_told_when_main_moved_beside_it(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.merge(3, files("shop", "blog", "other"))
    scene.start().run()
    assert scene.stage.trees("resolved")[0] != plan
    text = scene.text(3)
    assert "**Merged, and applied as planned**, beside what else came to `main`" in text
    assert "- other 1.0.0 was not in the plan" in text


def test_a_plan_is_kept_for_as_long_as_what_was_merged_cannot_be_decided_on(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    scene.start().run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.down = DOWN
    scene.merge(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    assert "**Merged, and not applied yet**" in scene.text(3)
    writes = scene.forge.writes
    running.run()
    assert scene.forge.writes == writes
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.shelf.down = None
    scene.start().run()
    assert scene.stage.trees("resolved")[0] == plan
    assert "**Merged, and applied as planned**" in scene.text(3)
    assert "not applied yet" not in scene.text(3)
    assert scene.stage.head("plan/pr-3") is None


def test_a_merged_one_is_told_when_trust_was_lost_since_it_was_planned(scene: Scene) -> None:
    scene.stage.shelf.put(verified("bp-blog", "1.0.0"))
    wanted = files("shop") | {"applications/blog.yaml": application("blog", "bp-blog")}
    scene.propose(3, wanted)
    scene.start().run()
    before = scene.stage.head("resolved")
    scene.stage.shelf.put_unsigned("bp-blog", "1.0.0")
    scene.merge(3, wanted)
    scene.start().run()
    assert "**Merged, and refused**" in scene.text(3)
    assert "it has no signature" in scene.text(3)
    assert scene.stage.head("resolved") == before
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.put(verified("bp-blog", "1.0.0"))
    scene.stage.shelf.put(verified("bp-blog", "1.1.0"))
    scene.start().run()
    assert scene.stage.trees("resolved")[0] == plan, "once its signature is back it is what was reviewed"
    assert scene.stage.head("plan/pr-3") is None


def test_the_forge_may_know_of_a_merge_before_main_is_looked_at(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    main = scene.stage.head("main") or ""
    merged = scene.stage.push(files("shop", "blog"))
    scene.stage.git("update-ref", "refs/heads/main", main)  # as it was when the pass looked
    scene.forge.close(3, merged)
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.git("update-ref", "refs/heads/main", merged)
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    running.run()
    assert scene.stage.trees("resolved")[0] == plan
    assert "**Merged, and applied as planned**" in scene.text(3)


def test_what_was_merged_and_then_forced_off_main_is_not_waited_for(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    scene.forge.close(3, "f" * 40)
    running.run()
    assert scene.stage.head("plan/pr-3") is not None
    running.run()
    assert scene.stage.head("plan/pr-3") is None


def test_one_whose_removal_was_taken_back_at_once_is_not_told_that_it_is_applied(scene: Scene) -> None:
    scene.stage.push(files("shop", "blog"))
    running = scene.start()
    running.run()
    scene.propose(3, files("shop"))
    running.run()
    scene.merge(3, files("shop"))
    scene.stage.push(files("shop", "blog"))
    running.run()
    assert "**Merged, and applied in another way than planned**" in scene.text(3)
    assert "blog 1.0.0 was not in the plan" in scene.text(3)


@pytest.mark.parametrize("newer", [False, True])
def test_the_forge_may_learn_of_a_merge_after_the_push(scene: Scene, newer: bool) -> None:
    running = scene.start()
    scene.propose(3, files("shop", "blog"))
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    if newer:
        scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    merged = scene.stage.push(files("shop", "blog"))
    outcome = running.run()
    assert scene.stage.trees("resolved")[0] == plan
    assert outcome.fetch_after is not None
    assert outcome.fetch_after <= 10
    scene.forge.close(3, merged)
    running.run()
    assert "**Merged, and applied as planned**" in scene.text(3)
    assert "| blog | added |" in scene.text(3), "what was reviewed can still be read"


def test_one_that_is_not_marked_as_merged_is_planned_again_after_a_while(scene: Scene) -> None:
    running = scene.start()
    scene.propose(3, files("shop", "blog"))
    running.run()
    scene.stage.push(files("shop", "blog"))
    long_ago = re.sub(r"> \d+", "> 1790000000", scene.stage.git("cat-file", "commit", "main")) + "\n"
    made = git(scene.stage.origin, "hash-object", "-t", "commit", "-w", "--stdin", stdin=long_ago.encode())
    scene.stage.git("update-ref", "refs/heads/main", made)
    running.run()
    assert "**Nothing changes** of what runs" in scene.text(3)


def test_a_plan_of_no_pull_request_goes(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    made = scene.stage.git("commit-tree", "plan/pr-3^{tree}", "-m", "words")
    scene.stage.git("update-ref", "refs/heads/plan/pr-9", made)
    running.run()
    assert scene.stage.head("plan/pr-9") is None


def test_plans_that_somebody_else_took_away_are_forgotten(scene: Scene) -> None:
    running = scene.start()
    for n in range(4, 7):
        made = scene.stage.git("commit-tree", "resolved^{tree}", "-m", "words")
        scene.stage.git("update-ref", f"refs/heads/plan/pr-{n}", made)
        scene.stage.push(files("shop") | {"README.md": f"{n}"})
        running.run()
        scene.stage.git("update-ref", "-d", f"refs/heads/plan/pr-{n}")
    running.run()
    assert running._branches._plans == {}


def test_one_that_is_closed_unmerged_keeps_what_it_was_told(scene: Scene) -> None:
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    before = scene.text(3)
    scene.forge.close(3)
    running.run()
    assert (scene.text(3), scene.stage.head("plan/pr-3")) == (before, None)


def test_where_no_branch_can_be_deleted_it_says_that_there_is_no_plan(scene: Scene) -> None:
    scene.stage.git("config", "receive.denyDeletes", "true")  # as a protected branch on Gitea
    scene.stage.git("config", "http.receivepack", "true")
    with GitServer(scene.stage.origin.parent).running() as server:
        scene.stage.url = f"{server.url}/{scene.stage.origin.name}"
        scene.propose(3, files("shop", "blog"))
        scene.start().run()
        plan, one = scene.stage.head("plan/pr-3"), scene.forge.open[3]
        scene.forge.close(3)
        running = scene.start()
        running.run()
        withdrawn = scene.stage.head("plan/pr-3")
        assert withdrawn != plan
        assert "There is no plan" in scene.stage.show("plan/pr-3", "README.md")
        before = scene.stage.everything()
        running.run()
        scene.start().run()
        assert scene.stage.everything() == before, "it is said once"
        scene.forge.open[3] = one
        running.run()
        assert scene.stage.git("rev-parse", "plan/pr-3^{tree}") == scene.stage.git("rev-parse", f"{plan}^{{tree}}")


def ruled(*rules: dict[str, str]) -> EnvironmentPolicies:
    """What one policy for the Environment says."""
    head = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "EnvironmentPolicy", "metadata": {"name": "p"}}
    spec = {"appliesTo": {"environments": ["acme-prod"]}, "rules": list(rules)}
    return environment_policies([Source("p.yaml", {**head, "spec": spec})])


def test_what_policies_say_is_told_and_kept_up_to_date(scene: Scene) -> None:
    policies = ruled({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def clock() -> float:
        return now.timestamp()

    scene.gate = gate_of(lambda: policies, clock)
    commit = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    opens = "the change window opens at 2026-12-01 14:00:00 UTC"
    assert scene.forge.marks[commit]["catalyst/policy"] == ("success", f"merged now, it would wait: p: {opens}")
    assert "#### Policy: merged now, it waits for a change window" in scene.text(3)
    assert opens in scene.text(3)
    writes = scene.forge.writes
    now += timedelta(hours=1)
    running.run()
    assert scene.forge.writes == writes
    now += timedelta(hours=4)
    running.run()
    assert scene.forge.marks[commit]["catalyst/policy"][1].startswith("merged now, it would be applied at once")
    assert "open until 2026-12-01 16:00:00 UTC" in scene.text(3)
    assert scene.forge.writes == writes + 2
    policies = ruled()
    running.run()
    assert scene.forge.marks[commit]["catalyst/policy"][0] == "failure"


@dataclass
class Waiting:
    """A Scene where `main` waits for its window with what somebody pushed."""

    scene: Scene
    now: datetime = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def start(self, *newer: VerifiedBlueprint, wants: str) -> EnvironmentPass:
        policies = ruled({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
        self.scene.gate = gate_of(lambda: policies, self.clock)
        for one in newer:
            self.scene.stage.shelf.put(one)
        running = self.scene.start()
        self.scene.stage.push(shop(wants))
        assert running.run().blocker is not None
        return running

    def clock(self) -> float:
        return self.now.timestamp()

    def open(self) -> None:
        self.now = self.now.replace(hour=14)


@pytest.fixture
def waiting(scene: Scene) -> Waiting:
    return Waiting(scene)


def test_what_main_waits_with_is_not_brought_by_what_is_planned_upon_it(waiting: Waiting) -> None:
    scene, running = waiting.scene, waiting.start(verified("bp-shop", "1.1.0"), wants="~1.1")
    scene.propose(3, shop("~1.1") | {"README.md": "words"})
    running.run()
    scene.stage.push(files("shop"))
    waiting.open()
    running.run()
    assert versions(scene) == {"shop": "1.0.0"}


@pytest.mark.parametrize("wants", ["1.1.0", "^2"])
def test_what_takes_back_what_main_waits_with_moves_nothing(waiting: Waiting, wants: str) -> None:
    scene, newer = waiting.scene, [verified("bp-shop", version) for version in ("1.1.0", "2.0.0")]
    running = waiting.start(*newer, wants=wants)
    scene.propose(3, files("shop"))
    running.run()
    assert "bp-shop" not in scene.text(3)
    scene.merge(3, files("shop"))
    waiting.open()
    running.run()
    assert versions(scene) == {"shop": "1.0.0"}


def test_what_main_waits_with_is_no_step_on_the_way(waiting: Waiting) -> None:
    scene, next_ = waiting.scene, verified("bp-shop", "2.0.0", upgrades={"blocks": ["<1.1"]})
    running = waiting.start(verified("bp-shop", "1.1.0"), next_, wants="~1.1")
    head = scene.propose(3, shop("^2"))
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "failure"
    scene.merge(3, shop("^2"))
    waiting.open()
    running.run()
    assert versions(scene) == {"shop": "1.0.0"}


def test_what_main_moves_itself_is_not_brought_in_another_version_either(waiting: Waiting) -> None:
    newer = verified("bp-shop", "1.1.0"), verified("bp-site", "1.0.0")
    scene, running = waiting.scene, waiting.start(*newer, wants="^1.1")
    scene.stage.shelf.put(verified("bp-shop", "1.2.0"))
    site = {"applications/site.yaml": application("site", "bp-site")}
    scene.propose(3, shop("^1.1") | site)
    running.run()
    scene.stage.push(files("shop"))
    running.run()
    scene.merge(3, files("shop") | site)
    waiting.open()
    running.run()
    assert versions(scene) == {"shop": "1.0.0", "site": "1.0.0"}


@pytest.mark.parametrize("restart", [False, True])
def test_a_plan_upon_what_main_waits_with_is_applied_as_a_whole(waiting: Waiting, restart: bool) -> None:
    newer = verified("bp-shop", "1.1.0"), verified("bp-site", "1.0.0")
    scene, running = waiting.scene, waiting.start(*newer, wants="^1.1")
    both = shop("^1.1") | {"applications/site.yaml": application("site", "bp-site")}
    scene.propose(3, both)
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.stage.shelf.put(verified("bp-shop", "1.2.0"))
    scene.merge(3, both)
    waiting.open()
    (scene.start() if restart else running).run()
    assert scene.stage.trees("resolved")[0] == plan


def test_what_main_waits_with_stays_while_words_are_added(waiting: Waiting) -> None:
    scene, running = waiting.scene, waiting.start(verified("bp-shop", "1.1.0"), wants="^1.1")
    scene.stage.shelf.put(verified("bp-shop", "1.2.0"))
    scene.stage.push(shop("^1.1") | {"README.md": "words"})
    waiting.open()
    running.run()
    assert versions(scene) == {"shop": "1.1.0"}


def test_what_waits_may_need_again_what_is_installed_and_lost_its_trust(waiting: Waiting) -> None:
    scene, shelf = waiting.scene, waiting.scene.stage.shelf
    for one in (verified("bp-db", "1.0.0"), verified("bp-web", "1.0.0", "bp-db"), verified("bp-web", "2.0.0")):
        shelf.put(one)
    web = {"environment.yaml": files()["environment.yaml"]}
    scene.stage.push(web | {"applications/web.yaml": application("web", "bp-web", "^1")})
    scene.start().run(wait=1)
    scene.retry = 0.0
    running = waiting.start(wants="*")
    scene.stage.push(web | {"applications/web.yaml": application("web", "bp-web", "^2")})
    assert running.run().blocker is not None
    again = verified("bp-web", "2.0.0", "bp-db")
    shelf.put(replace(again, artifact=f"{again.artifact.partition('@')[0]}@sha256:{'a' * 64}"))
    shelf.put_unsigned("bp-db", "1.0.0")
    blocker = running.run().blocker
    assert blocker is not None
    assert "is locked to bp-db 1.0.0, which may no longer be used" in blocker.message


@pytest.mark.parametrize("restart", [False, True])
def test_a_plan_that_somebody_else_pushed_takes_nothing_back(scene: Scene, restart: bool) -> None:
    old = scene.stage.git("rev-parse", "resolved^{tree}")
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    scene.stage.push(shop("~1.1"))
    running = scene.start()
    running.run()
    (now,) = scene.stage.lock().packages
    made = scene.stage.git("commit-tree", old, "-p", "resolved", "-m", f"words\n\nBrings: shop {now.digest}\n")
    scene.stage.git("update-ref", "refs/heads/plan/pr-9", made)
    scene.stage.push(shop("^1.0"))
    (scene.start() if restart else running).run()
    assert versions(scene) == {"shop": "1.1.0"}


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_reviewed_is_what_is_applied_when_its_window_opens(scene: Scene, restart: bool) -> None:
    policies = ruled({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)

    def clock() -> float:
        return now.timestamp()

    scene.gate = gate_of(lambda: policies, clock)
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    plan = scene.stage.trees("plan/pr-3")[0]
    scene.merge(3, files("shop", "blog"))
    scene.stage.shelf.put(verified("bp-shop", "1.1.0"))
    running.run()
    assert "**Merged, and not applied yet**: OutsideWindow: p: the change window opens at 2026-12-01 14:00" in scene.text(3)
    now += timedelta(hours=5)
    (scene.start() if restart else running).run()
    assert scene.stage.trees("resolved")[0] == plan
    assert "**Merged, and applied as planned**" in scene.text(3)


@pytest.mark.parametrize("name", ["plan", "plan/pr-3/x"])
def test_a_plan_that_cannot_be_kept_is_not_called_one(scene: Scene, name: str) -> None:
    scene.stage.git("branch", name, "main")
    head = scene.propose(3, files("shop", "blog"))
    running = scene.start()
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "pending"
    assert "| blog | added |" in scene.text(3)
    scene.stage.git("branch", "-D", name)
    running.run()
    assert scene.forge.marks[head][PLAN][0] == "success"
    assert scene.stage.head("plan/pr-3") is not None


def test_without_a_plan_the_rules_are_not_called_met(scene: Scene) -> None:
    policies = ruled({"kind": "soak", "sourceEnvironment": "acme-stg", "duration": "1h"})
    scene.gate = gate_of(lambda: policies)
    head = scene.propose(3, files("shop") | {"applications/blog.yaml": application("blog", "bp-nothing")})
    scene.start().run()
    assert scene.forge.marks[head]["catalyst/policy"] == ("pending", "there is no plan that could be held against the rules")
    assert "Policy" not in scene.text(3)


@pytest.mark.parametrize(("cron", "first"), [("0 0 29 2 *", PLAN), ("* * * * *", PLAN), (None, "catalyst/policy")])
def test_a_plan_is_not_green_before_what_holds_it_is_told(scene: Scene, cron: str | None, first: str) -> None:
    window = {"kind": "change-window", "cron": cron or "", "duration": "1h"}
    rule = window if cron else {"kind": "soak", "sourceEnvironment": "acme-stg", "duration": "1h"}
    policies = ruled(rule)
    scene.gate = gate_of(lambda: policies)
    scene.propose(3, files("shop") | {"applications/blog.yaml": application("blog", "bp-blog")})
    scene.stage.shelf.put(verified("bp-blog", "1.0.0"))
    scene.start().run()
    posted = [context for context in scene.forge.posted if context in {PLAN, "catalyst/policy"}]
    assert (posted[0], len(posted)) == (first, 2)


def test_a_window_that_opens_is_told_at_its_moment(scene: Scene) -> None:
    policies = ruled({"kind": "change-window", "cron": "0 14 * * *", "duration": "2h"})
    now = datetime(2026, 12, 1, 13, 59, tzinfo=UTC)

    def clock() -> float:
        return now.timestamp()

    scene.gate = gate_of(lambda: policies, clock)
    scene.propose(3, files("shop", "blog"))
    running = scene.start()
    assert running.run().fetch_after == 60
    now += timedelta(hours=1)
    assert running.run().fetch_after == timedelta(hours=1, minutes=1).total_seconds(), "nor is it open for ever"


@pytest.mark.parametrize("restart", [False, True])
def test_an_unusual_upgrade_is_told_however_often_it_is_planned(scene: Scene, restart: bool) -> None:
    scene.stage.shelf.put(verified("bp-shop", "2.0.0", upgrades={"from": ["^1.5"]}))
    scene.propose(3, files("shop") | {"applications/shop.yaml": application("shop", version="^2")})
    running = scene.start()
    running.run()
    text = scene.text(3)
    assert "shop goes from 1.0.0 to 2.0.0, which is made for upgrades from ^1.5" in html.unescape(text)
    scene.stage.push(files("shop") | {"README.md": "words"})
    (scene.start() if restart else running).run()
    assert scene.text(3) == text
