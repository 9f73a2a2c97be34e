"""An approval, and a score, admits one transition: what was admitted once and taken back since is not admitted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.domain.rendering.flux_objects import RenderContext
from reconciler.model.forge import MergedPullRequest
from tests.support.environment_files import CLUSTER, application
from tests.support.environment_policies import (
    NO_POLICIES,
    REQUIRED,
    SCORE,
    WINDOW,
    environment_policy,
    read_policies,
)
from tests.support.fakes import verified
from tests.support.git_server import git
from tests.support.governed_environment import BLOG, GovernedEnvironment, applications_of, timestamp

if TYPE_CHECKING:
    from reconciler.services.reconcile.outcome import ReconcileOutcome

SHOP = {"applications/shop.yaml": application("shop")}
SUSPENDED = {"applications/shop.yaml": application("shop", more="  suspend: true\n")}

# "main is at what was admitted last, and mallory, who may write and is in no team, pushes this": a commit of the tree of what was
# admitted before it, and these parents.
HOWS = ["a merge of both", "a merge of both, the other way", "a rewind", "an unapproved pull request", "a plain commit"]


def finish(house: GovernedEnvironment, number: int) -> None:
    """What a pass over a merged pull request does in the end: its plan goes."""
    house.stage.git("update-ref", "-d", f"refs/heads/plan/pr-{number}")
    git(house.work, "branch", "-D", f"b{number}")


def approved(house: GovernedEnvironment, number: int, *contents: dict[str, str]) -> str:
    """A pull request that is approved, merged and applied."""
    head = house.plan(number, *contents)
    house.forge.review(number, "ada", head)
    made = house.merge(number)
    assert "resolved" in house.run().pushed
    finish(house, number)
    return made


def scored(house: GovernedEnvironment, number: int, content: dict[str, str], *, at_merge: bool) -> str:
    """A pull request that is scored, merged and applied; the score is of its head, or of the merge."""
    head = house.plan(number, content)
    if not at_merge:
        house.forge.mark(head, "re-score", "90/100", person="scorer")
    made = house.merge(number)
    if at_merge:
        house.forge.mark(made, "re-score", "90/100", person="scorer")
    assert "resolved" in house.run().pushed
    finish(house, number)
    return made


def replay(house: GovernedEnvironment, how: str, first: str, second: str) -> ReconcileOutcome:
    """Put the documents of an earlier commit of `main` on it again, without anybody's approval."""
    parents = {"a merge of both": (first, second), "a merge of both, the other way": (second, first), "a plain commit": (second,)}
    tree = git(house.work, "rev-parse", f"{first}^{{tree}}")
    lines = [part for parent in parents.get(how, (first, second)) for part in ("-p", parent)]
    made = first if how == "a rewind" else git(house.work, "commit-tree", tree, *lines, "-m", "tidy up")
    git(house.work, "push", "-qf", "origin", f"{made}:refs/heads/main")
    if how == "an unapproved pull request":
        git(house.work, "push", "-q", "origin", f"{made}:refs/pull/9/head")
        house.forge.pulls[made] = MergedPullRequest(9, "mallory", "main", made, second, house.forge.tick())
    for context in ("catalyst/plan", "catalyst/policy", "catalyst/resolved"):
        house.forge.mark(made, context, "fine", person="mallory")
    return house.run()


def is_suspended(house: GovernedEnvironment) -> bool:
    return next(package.suspend for package in house.stage.lock().packages if package.application == "shop")


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("how", HOWS)
def test_what_was_approved_and_taken_back_is_not_applied_again(house: GovernedEnvironment, how: str, restart: bool) -> None:
    first = approved(house, 1, SUSPENDED)
    assert is_suspended(house)
    second = approved(house, 2, SHOP)
    if restart:  # what a service writes anew by itself advances no admission, and forgets none
        house.stage.around = RenderContext(sovereign="test", keys={}, interval="7m")
        assert "resolved" in house.run().pushed
    house.held(replay(house, how, first, second), "PendingApproval")
    assert not is_suspended(house)
    git(house.work, "push", "-qf", "origin", f"{second}:refs/heads/main")
    assert house.run().blocker is None
    approved(house, 3, SUSPENDED)
    assert is_suspended(house), "with an approval of its own it is applied"


@pytest.mark.parametrize("how", [how for how in HOWS if how != "a rewind"])
def test_what_was_approved_and_taken_back_before_it_was_seen_is_not_applied(house: GovernedEnvironment, how: str) -> None:
    """Both pull requests are merged before a pass; a rewind to the first is what was approved, and nothing else."""
    merges = []
    for number, content in ((1, SUSPENDED), (2, SHOP)):
        house.forge.review(number, "ada", house.plan(number, content))
        merges.append(house.merge(number))
    first, second = merges
    house.held(replay(house, how, first, second), "PendingApproval")
    assert not is_suspended(house)
    git(house.work, "push", "-qf", "origin", f"{second}:refs/heads/main")
    assert house.run().blocker is None


def test_a_merge_that_changes_no_document_and_leaves_nothing_out_holds_nothing(house: GovernedEnvironment) -> None:
    git(house.work, "checkout", "-q", "-B", "words", "main")
    house.commit({"README.md": "words"})
    git(house.work, "checkout", "-q", "main")
    git(house.work, "merge", "-q", "--no-ff", "-m", "words", "words")
    git(house.work, "push", "-q", "origin", "main")
    approved(house, 1, SUSPENDED)
    assert is_suspended(house)


def test_a_part_of_a_pull_request_is_not_admitted_by_its_approval(house: GovernedEnvironment) -> None:
    """Its first commit is merged without its content, so that merging it brings the rest alone."""
    head = house.plan(1, SUSPENDED, {"applications/blog.yaml": application("blog")})
    house.forge.review(1, "ada", head)
    git(house.work, "merge", "-q", "-s", "ours", "-m", "tidy up", f"{head}~1")
    git(house.work, "push", "-q", "origin", "main")
    house.merge(1)
    house.held(house.run(), "PendingApproval")
    assert applications_of(house) == ["shop"]


def test_an_application_is_not_removed_twice_by_one_approval(house: GovernedEnvironment) -> None:
    approved(house, 1, BLOG)
    git(house.work, "checkout", "-q", "-B", "b2")
    git(house.work, "rm", "-q", "applications/blog.yaml")
    head = house.commit({})
    git(house.work, "push", "-q", "origin", "HEAD:refs/pull/2/head")
    git(house.work, "checkout", "-q", "main")
    house.proposed.add(2)
    house.look(2, head)
    house.forge.review(2, "ada", head)
    first = house.merge(2)
    assert "resolved" in house.run().pushed
    assert applications_of(house) == ["shop"]
    finish(house, 2)
    second = approved(house, 3, BLOG)
    house.held(replay(house, "a merge of both", first, second), "PendingApproval")
    assert applications_of(house) == ["blog", "shop"]


@pytest.mark.parametrize("at_merge", [False, True])
@pytest.mark.parametrize("how", HOWS)
def test_a_score_admits_once_as_well(house: GovernedEnvironment, how: str, at_merge: bool) -> None:
    house.policies = read_policies(environment_policy(SCORE.replace("80", "80, setBy: [scorer]")))
    first = scored(house, 1, SUSPENDED, at_merge=at_merge)
    second = scored(house, 2, SHOP, at_merge=at_merge)
    outcome = replay(house, how, first, second)
    house.forge.mark(outcome.main or "", "re-score", "100/100", person="mallory")
    house.held(house.run(), "ScoreMissing")
    assert not is_suspended(house)


def test_the_head_of_a_pull_request_is_scored_for_one_merge(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SCORE))
    head = house.plan(1, SUSPENDED)
    house.forge.mark(head, "re-score", "90/100")
    house.merge(1, "squash")
    assert "resolved" in house.run().pushed
    finish(house, 1)
    scored(house, 2, SHOP, at_merge=False)
    git(house.work, "checkout", "-q", "-B", "b3", head)
    git(house.work, "push", "-q", "origin", "HEAD:refs/pull/3/head")
    git(house.work, "checkout", "-q", "main")
    house.proposed.add(3)
    git(house.work, "merge", "-q", "--squash", "-X", "theirs", "b3")
    house.commit(SUSPENDED, "squashed")
    git(house.work, "push", "-q", "origin", "main")
    house.held(house.run(), "ScoreMissing")


def test_what_admitted_is_written_on_resolved_and_nowhere_else(house: GovernedEnvironment) -> None:
    head = house.plan(1, BLOG)
    house.forge.review(1, "ada", head)
    made = house.merge(1)
    before = house.stage.git("for-each-ref", "--format=%(refname)")
    house.run()
    message = house.stage.message("resolved")
    assert f"Input-Commit: {made}\n" in message
    assert message.splitlines()[-1] == f"Admitted-By: {made} pull/1 {head}"
    assert house.stage.git("for-each-ref", "--format=%(refname)") == before


def test_what_no_approval_admitted_names_none(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(WINDOW))
    house.now = timestamp("2026-12-01T15:00")
    house.push(BLOG)
    assert "resolved" in house.run().pushed
    assert "Admitted-By" not in house.stage.message("resolved")


def test_a_time_without_policies_gives_no_approval_back(house: GovernedEnvironment) -> None:
    base = git(house.work, "rev-parse", "main")
    first = approved(house, 1, SUSPENDED)
    house.policies = NO_POLICIES
    git(house.work, "push", "-qf", "origin", f"{base}:refs/heads/main")
    assert "resolved" in house.run().pushed
    assert not is_suspended(house)
    house.policies = read_policies(environment_policy(REQUIRED))
    git(house.work, "push", "-qf", "origin", f"{first}:refs/heads/main")
    house.held(house.run(), "PendingApproval")
    assert not is_suspended(house)


def test_main_that_is_taken_back_is_told_with_what_to_do(house: GovernedEnvironment) -> None:
    base = git(house.work, "rev-parse", "main")
    first = approved(house, 1, SUSPENDED)
    git(house.work, "push", "-qf", "origin", f"{base}:refs/heads/main")
    told = f"takes main back to {base[:10]}, which was admitted before {first[:10]}: put {first[:10]} back on main"
    assert told in house.held(house.run(), "PendingApproval")
    git(house.work, "push", "-qf", "origin", f"{first}:refs/heads/main")
    assert house.run().blocker is None


def test_where_the_admitted_commit_is_gone_only_what_was_merged_since_counts(house: GovernedEnvironment) -> None:
    """Whoever may rewrite `main` can make the commit vanish that would tell what was used."""
    base = git(house.work, "rev-parse", "main")
    head = house.plan(1, SUSPENDED)
    house.forge.review(1, "ada", head)
    first = house.merge(1)
    house.policies = NO_POLICIES  # nobody notes the approval
    house.run()
    finish(house, 1)
    house.push(SHOP)
    assert "resolved" in house.run().pushed
    house.policies = read_policies(environment_policy(REQUIRED))
    git(house.work, "reset", "-q", "--hard", first)
    house.commit({"README.md": "words"})
    git(house.work, "push", "-qf", "origin", "HEAD:main")
    house.held(house.run(), "PendingApproval")
    git(house.work, "reset", "-q", "--hard", base)
    git(house.work, "push", "-qf", "origin", "HEAD:main")
    assert house.run().blocker is None
    house.forge.now = int(timestamp("2099-01-01T00:00"))
    approved(house, 3, SUSPENDED | BLOG)


@pytest.mark.parametrize("rule", [WINDOW, REQUIRED])
@pytest.mark.parametrize("how", ["a file more", "empty"])
def test_what_was_admitted_is_put_back_without_an_admission(house: GovernedEnvironment, rule: str, how: str) -> None:
    stage = house.stage
    good, trailers = stage.git("rev-parse", "resolved^{tree}"), stage.message("resolved").splitlines()[-3:]
    house.policies = read_policies(environment_policy(rule))
    house.push({"applications/shop.yaml": application("shop", more="  suspend: false\n")})  # without effect, approved by nobody
    (stage.origin / "index").unlink(missing_ok=True)
    if how == "empty":
        stage.push({"README.md": "oops"}, "resolved", "oops")
    else:
        evil = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: evil}\n"
        content = {path: stage.show("resolved", path) + "\n" for path in stage.paths("resolved")}
        stage.push(content | {f"clusters/{CLUSTER}/evil.yaml": evil}, "resolved", "tampered\n\nInput-Digest: sha256:none\n")
    assert "resolved" in house.run().pushed
    assert stage.git("rev-parse", "resolved^{tree}") == good
    assert stage.message("resolved").splitlines()[-3:] == trailers, "nothing more than was admitted is written as admitted"
    assert house.run().pushed == ()


def test_a_tampered_head_with_forged_trailers_admits_nothing(house: GovernedEnvironment) -> None:
    """Its trailers say that the newest documents were admitted."""
    pushed, own = house.push(BLOG), house.stage.head("resolved")
    house.stage.shelf.put(verified("bp-blog", "1.0.0"))
    (house.stage.origin / "index").unlink(missing_ok=True)
    content = {path: house.stage.show("resolved", path) + "\n" for path in house.stage.paths("resolved")}
    house.stage.push(content, "resolved", f"tampered\n\nInput-Commit: {pushed}\n")
    outcome = house.run()
    assert outcome.blocker is not None
    assert (outcome.blocker.reason, house.stage.head("resolved")) == ("PendingApproval", own)
