"""One pass after another over an Environment in a real repository on disk; the Catalog and the clusters are in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.decide.blocker import Refused, problems_of
from reconciler.decide.trust import TrustPolicies
from reconciler.loop.branches import CONFIRMED, EnvironmentBranches
from reconciler.loop.desire import EnvironmentIdentity
from reconciler.loop.judge import AssessmentLimits
from reconciler.model.faults import AccessDeniedError, ConcurrentUpdateError, ConfigurationError, NotFoundError, UnavailableError
from reconciler.model.observation import Failure
from reconciler.model.trust import TrustPolicy
from reconciler.world.git import Repository
from tests.loop.builders import (
    CLUSTER,
    DOWN,
    NO_KUBECONFIG,
    PREFIX,
    SECOND,
    Fleet,
    Shelf,
    Stage,
    application,
    environment,
    files,
    proof,
    verified,
)
from tests.world.git_server import GitServer, commit_tree, git, hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.decide.catalog import ExcludedVersion, VerifiedBlueprint


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def said(stage: Stage, kind: str) -> tuple[str, str]:
    condition = stage.status().condition(kind)
    return condition.status, condition.reason


# A push, and what it leads to


def test_a_first_push_is_resolved_and_reported(stage: Stage) -> None:
    main = stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert (outcome.main, outcome.resolved, outcome.blocker) == (main, stage.head("resolved"), None)
    assert outcome.pushed == ("resolved", "status")
    folder = f"clusters/{CLUSTER}"
    assert stage.paths("resolved") == [f"{folder}/kustomization.yaml", f"{folder}/shop.yaml", "environment.lock.yaml"]
    assert stage.paths("status") == ["README.md", "status.yaml"]
    digest = hashlib.sha256((stage.show("resolved", "environment.lock.yaml") + "\n").encode()).hexdigest()
    head, trailers = stage.message("resolved").split("\n\nInput-Commit: ")
    assert head == "acme-prod: 1 of 1 Applications change\n\n+ shop: bp-shop 1.0.0"
    assert re.fullmatch(f"{main}\nInput-Digest: sha256:[0-9a-f]{{64}}\nLock-Digest: sha256:{digest}", trailers)
    resolved = stage.head("resolved")
    assert stage.message("status") == (
        f"acme-prod: Progressing 0/1 (waiting: shop)\n\nInput-Commit: {main}\nResolved-Commit: {resolved}"
    )
    assert (stage.status().input, stage.status().resolved) == (main, resolved)
    assert stage.fleet.asked_to_look == [(CLUSTER, "flux-system")]


def test_everything_that_runs_is_ready(stage: Stage) -> None:
    stage.settle(files("blog", "shop"))
    assert stage.message("status").startswith("acme-prod: Ready 2/2\n")
    assert [c.status for c in stage.status().conditions] == ["True"] * 6


def test_the_second_of_two_placements_counts(stage: Stage) -> None:
    stage.push(files("shop", clusters=(CLUSTER, SECOND)))
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    stage.fleet.run_all(stage.lock())
    del stage.fleet.releases[SECOND, "shop"]
    reconciliation.run(wait=1)
    assert said(stage, "Ready") == ("False", "Progressing")
    assert reconciliation.clusters == {CLUSTER, SECOND}


def test_an_environment_without_applications_is_never_ready(stage: Stage) -> None:
    reconciliation = stage.settle(files())
    assert said(stage, "Committed") == ("True", "Committed")
    assert said(stage, "Ready") == ("Unknown", "NothingObserved")
    assert reconciliation.run(wait=1).pushed == ()


@pytest.mark.parametrize("look", [True, False])
def test_a_hundred_passes_over_an_unchanged_world_change_nothing(stage: Stage, look: bool) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    before, asked = stage.everything(), stage.shelf.asked
    for _ in range(100):
        assert reconciliation.run(fetch=look).pushed == ()
    assert (stage.everything(), stage.shelf.asked) == (before, asked)


def test_after_a_restart_nothing_is_pushed_again(stage: Stage) -> None:
    stage.settle(files("blog", "shop"))
    before = stage.everything()
    for _ in range(3):
        assert stage.start().run().pushed == ()
    assert stage.everything() == before


def test_a_push_that_changes_no_application_makes_no_resolved_commit(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    main = stage.push(files("shop") | {"README.md": "words"})
    assert reconciliation.run().pushed == ("status",)
    assert stage.status().input == main


def test_without_main_nothing_is_said(stage: Stage) -> None:
    stage.push({"a": "1"}, "feature")
    outcome = stage.start().run(wait=1)
    assert (outcome.main, outcome.status, outcome.pushed) == (None, None, ())
    assert stage.head("status") is None


def test_a_removed_application_goes_from_lock_and_status(stage: Stage) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    stage.push(files("shop"))
    reconciliation.run()
    assert [p.application for p in stage.lock().packages] == ["shop"]
    assert [a.name for a in stage.status().applications] == ["shop"]
    assert "- blog: bp-shop 1.0.0 is removed" in stage.message("resolved")


def test_flux_that_cannot_be_asked_to_look_is_no_failure(stage: Stage) -> None:
    stage.fleet.refuses_to_look = NotFoundError("there is no kubeconfig")
    stage.push(files("shop"))
    assert stage.start().run(wait=1).pushed == ("resolved", "status")


# Refusals


def test_a_refused_push_leaves_resolved_alone_and_says_where(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    good = stage.head("resolved")
    bad = stage.push(files("shop") | {"applications/blog.yaml": application("blog", more="  sice: small\n")})
    outcome = reconciliation.run()
    assert (outcome.resolved, outcome.pushed, stage.head("resolved")) == (good, ("status",), good)
    status = stage.status()
    assert (status.input, status.refused, status.resolved) == (bad, bad, good)
    assert [(p.place, p.message) for p in status.problems] == [
        ("applications/blog.yaml:6:3", "unknown field spec.sice; did you mean size?")
    ]
    assert said(stage, "Valid") == ("False", "UnknownField")
    assert said(stage, "Committed") == ("Unknown", "NotReached")
    assert said(stage, "Ready") == ("True", "AllReady")
    assert stage.message("status").startswith(f"acme-prod: Refused {bad[:10]} (applications/blog.yaml:6:3), still Ready 1/1\n")


def test_what_runs_is_still_reported_while_a_push_is_refused(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.push(files("shop") | {"environment.yaml": "kind: ["})
    reconciliation.run()
    stage.fleet.releases.clear()
    assert reconciliation.run(fetch=False).pushed == ("status",)
    assert stage.status().applications[0].placements[0].reason == "Removed"
    assert stage.status().refused is not None


def test_a_corrected_push_is_accepted(stage: Stage) -> None:
    stage.push(files("shop") | {"applications/blog.yaml": "["})
    reconciliation = stage.start()
    refused = reconciliation.run(wait=1)
    assert refused.blocker is not None
    assert isinstance(refused.blocker, Refused)
    assert (stage.head("resolved"), said(stage, "Ready")) == (None, ("Unknown", "NothingObserved"))
    stage.push(files("blog", "shop"))
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert stage.status().refused is None


def test_all_problems_of_a_commit_are_reported_at_once(stage: Stage) -> None:
    bad = {f"applications/{n}.yaml": application(n, version="latest!") for n in ("a", "b", "c")}
    stage.push(files() | bad)
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert [p.place for p in problems_of(outcome.blocker)] == [f"applications/{n}.yaml:5:39" for n in "abc"]
    assert "(and 2 more)" in outcome.blocker.message


def test_a_refused_commit_is_not_looked_at_again(stage: Stage) -> None:
    stage.push(files("shop") | {"environment.yaml": "kind: ["})
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    before, asked = stage.everything(), stage.shelf.asked
    for _ in range(20):
        reconciliation.run()
    assert (stage.everything(), stage.shelf.asked) == (before, asked)


def test_a_symlink_is_refused(stage: Stage) -> None:
    stage.push(files("shop"))
    blob = git(stage.origin, "hash-object", "-w", "--stdin", stdin=b"/etc/passwd")
    git(stage.origin, "update-index", "--add", "--cacheinfo", f"120000,{blob},applications/evil.yaml")
    commit_tree(stage.origin, "main", git(stage.origin, "write-tree"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert [(p.code, p.file) for p in problems_of(outcome.blocker)] == [("Symlink", "applications/evil.yaml")]


# Who an Environment is


def test_a_repository_cannot_claim_to_be_another_environment(stage: Stage) -> None:
    stage.identity = EnvironmentIdentity("acme-stg")
    stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), outcome.blocker.reason) == (True, "NameMismatch")
    assert "this repository is the Environment acme-stg, but environment.yaml says acme-prod" in outcome.blocker.message
    assert stage.head("resolved") is None
    assert stage.status().metadata.name == "acme-stg"


def test_a_repository_cannot_claim_to_be_of_another_organization(stage: Stage) -> None:
    stage.identity = EnvironmentIdentity("acme-prod", "globex")
    stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert "this repository belongs to globex, but environment.yaml says acme" in outcome.blocker.message
    assert stage.head("resolved") is None


def test_nor_be_placed_on_another_organizations_cluster(stage: Stage) -> None:
    stage.push(files("shop", clusters=("hz-fsn-rtz-prod-globex",)))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), stage.fleet.ensured) == (True, [])


# Healing


def test_a_blueprint_signed_later_is_accepted_without_a_push(stage: Stage) -> None:
    stage.limits = {"retry": 0.0}
    stage.shelf.put_unsigned("bp-blog", "1.0.0")
    stage.push({"environment.yaml": environment(), "applications/blog.yaml": application("blog", "bp-blog")})
    reconciliation = stage.start()
    outcome = reconciliation.run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), outcome.blocker.reason) == (True, "Untrusted")
    assert "it has no signature" in stage.status().problems[0].message
    assert stage.status().problems[0].place == "applications/blog.yaml:5:39"
    assert reconciliation.run(wait=1).pushed == ()
    stage.shelf.put(verified("bp-blog", "1.0.0"))
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert stage.status().refused is None


def test_a_refused_commits_blueprints_are_not_asked_for_before_it_is_time(stage: Stage) -> None:
    stage.limits = {"retry": 3600.0}
    stage.push({"environment.yaml": environment(), "applications/blog.yaml": application("blog", "bp-blog")})
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    asked = stage.shelf.asked
    reconciliation.run(wait=1)
    assert stage.shelf.asked == asked


def test_trust_that_is_lost_is_told_and_heals_and_what_runs_is_not_touched(stage: Stage) -> None:
    stage.limits = {"retry": 0.0}
    reconciliation = stage.settle(files("blog", "shop"))
    good, resolved = verified("bp-shop", "1.0.0"), stage.head("resolved")
    stage.shelf.put_unsigned("bp-shop", "1.0.0")
    assert reconciliation.run(wait=1).pushed == ("status",)
    trusted = stage.status().condition("Trusted")
    assert (trusted.status, trusted.reason) == ("False", "Untrusted")
    assert trusted.message == "blog, shop: it has no signature; what runs is left running"
    assert [said(stage, one)[0] for one in ("Valid", "Resolved", "Committed", "Ready")] == ["True"] * 4
    assert (stage.status().refused, stage.head("resolved")) == (None, resolved)
    assert "to move away" in stage.status().problems[0].message or "left running" in stage.status().problems[0].message
    assert reconciliation.run(wait=1).pushed == ()
    assert stage.start().run(wait=1).pushed == (), "after a restart the same is said"
    main = stage.push(files("blog", "mail", "shop"))
    reconciliation.run(wait=1)
    assert (stage.status().refused, stage.head("resolved")) == (main, resolved), "new commits that contain it are refused"
    assert said(stage, "Trusted") == ("False", "Untrusted")
    stage.shelf.put(good)
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert said(stage, "Trusted") == ("True", "Verified")


def test_another_signature_on_what_is_locked_becomes_the_evidence(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    again = dataclasses.replace(verified("bp-shop", "1.0.0"), evidence=[proof("release", "the new key")])
    stage.shelf.put(again)
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert stage.lock().packages[0].evidence == again.evidence
    assert reconciliation.run(wait=1).pushed == ()


def test_what_cannot_be_looked_at_is_not_called_trusted(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put_unsigned("bp-shop", "1.0.0")
    reconciliation.run(wait=1)
    for words in ("it timed out", "it answered 503"):
        stage.shelf.down = UnavailableError(words)
        reconciliation.run(wait=1)
    assert said(stage, "Trusted") == ("Unknown", "Unavailable")
    assert "it timed out" in stage.status().condition("Trusted").message, "other words each time are no change to commit"
    assert (said(stage, "Ready"), stage.status().refused) == (("True", "AllReady"), None)


def test_a_pass_that_takes_away_what_was_lost_says_trusted(stage: Stage) -> None:
    stage.limits = {"retry": 0.0}
    stage.shelf.put(verified("bp-blog", "1.0.0"))
    whole = {**files("shop"), "applications/blog.yaml": application("blog", "bp-blog")}
    reconciliation = stage.settle(whole)
    stage.shelf.put_unsigned("bp-blog", "1.0.0")
    reconciliation.run(wait=1)
    assert said(stage, "Trusted") == ("False", "Untrusted")
    stage.push(files("shop"))
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert said(stage, "Trusted") == ("True", "Verified")


def test_what_is_resolved_is_not_called_refused_whatever_makes_it_lose_its_trust(stage: Stage) -> None:
    stage.limits = {"retry": 0.0}
    reconciliation = stage.settle(files("shop"))
    stage.push({**files("shop"), "README.md": "words"})
    reconciliation.run(wait=1)
    stage.shelf.put_unsigned("bp-shop", "1.0.0")
    for look in (True, False, True):
        reconciliation.run(fetch=look, wait=1)
        assert (stage.status().refused, said(stage, "Trusted")) == (None, ("False", "Untrusted"))


def test_a_registry_that_does_not_answer_refuses_nothing(stage: Stage) -> None:
    main = stage.push(files("shop"))
    stage.shelf.down = DOWN
    reconciliation = stage.start()
    outcome = reconciliation.run(wait=1)
    assert (outcome.resolved, outcome.pushed) == (None, ("status",))
    assert said(stage, "Resolved") == ("Unknown", "Unavailable")
    assert (stage.status().input, stage.status().refused, stage.status().problems) == (main, None, [])
    assert reconciliation.run(wait=1).pushed == ()
    stage.shelf.down = None
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")


def test_an_outage_that_is_told_in_other_words_each_time_is_one_commit(stage: Stage) -> None:
    stage.push(files("shop"))
    reconciliation = stage.start()
    pushed = []
    for words in ("it timed out", "it answered 503", "the connection was refused"):
        stage.shelf.down = UnavailableError(words)
        pushed.append(reconciliation.run(wait=1).pushed)
    assert pushed == [("status",), (), ()]
    stage.shelf.down = AccessDeniedError("another trouble is told")
    assert reconciliation.run(wait=1).pushed == ("status",)


def test_a_registry_that_does_not_answer_is_not_asked_at_every_change_of_a_cluster(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.push(files("blog", "shop"))
    stage.shelf.down = DOWN
    reconciliation.run()
    asked = stage.shelf.asked
    assert reconciliation.run(fetch=False).blocker is not None
    assert stage.shelf.asked == asked
    reconciliation.run()
    assert stage.shelf.asked > asked


def test_a_commit_resolved_before_is_not_doubted_when_the_registry_is_away(stage: Stage) -> None:
    stage.settle(files("shop"))
    stage.shelf.down = DOWN
    started = stage.start()
    outcome = started.run(wait=1)
    assert outcome.blocker is not None
    assert outcome.pushed == ("status",)
    assert [said(stage, one)[0] for one in ("Valid", "Resolved", "Committed", "Ready")] == ["True"] * 4
    assert said(stage, "Trusted") == ("Unknown", "Unavailable"), "that alone is not known"
    assert started.run(wait=1).pushed == ()


def test_trust_policies_that_cannot_be_read_stop_decisions_and_judge_nothing(stage: Stage) -> None:
    def broken() -> TrustPolicies:
        raise ConfigurationError("trust/openova.yaml:3:1: unknown field spek")

    stage.policies = broken
    stage.push({"environment.yaml": "["})
    outcome = stage.start().run(wait=1)
    assert outcome.pushed == ("status",)
    assert said(stage, "Valid") == ("Unknown", "Misconfigured")
    assert {c.status for c in stage.status().conditions} == {"Unknown"}
    assert (stage.shelf.asked, stage.status().refused) == (0, None)


def test_changed_trust_policies_are_a_reason_to_decide_again(stage: Stage) -> None:
    policy = TrustPolicy.model_validate(
        {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "one"},
            "spec": {
                "artifacts": ["*"],
                "authorities": [{"name": "release", "key": "-----BEGIN PUBLIC KEY-----"}],
            },
        }
    )
    current = [TrustPolicies(())]
    stage.policies = lambda: current[0]
    reconciliation = stage.settle(files("shop"))
    for now, decides in ((TrustPolicies(()), False), (TrustPolicies((policy,)), True), (TrustPolicies((policy,)), False)):
        current[0], before = now, stage.shelf.recalled
        assert reconciliation.run().pushed == ()
        assert (stage.shelf.recalled - before > 1) == decides, "each pass looks once whether what is locked still stands"


# What runs


def test_without_a_kubeconfig_nothing_is_known(stage: Stage) -> None:
    stage.fleet.failures[CLUSTER] = NO_KUBECONFIG
    stage.push(files("shop"))
    reconciliation = stage.start()
    reconciliation.run()
    assert stage.message("status").startswith("acme-prod: Unknown (KubeconfigMissing)\n")
    del stage.fleet.failures[CLUSTER]
    stage.fleet.run_all(stage.lock())
    reconciliation.run()
    assert said(stage, "Ready") == ("True", "AllReady")


def test_one_cluster_of_two_that_cannot_be_seen_makes_it_unknown(stage: Stage) -> None:
    stage.fleet.failures[SECOND] = Failure("AccessDenied", "forbidden")
    stage.settle(files("shop", clusters=(CLUSTER, SECOND)))
    assert said(stage, "Ready") == ("Unknown", "AccessDenied")


def test_an_old_answer_does_not_count(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.fleet.age = 61.0
    reconciliation.run(fetch=False)
    assert said(stage, "Ready") == ("Unknown", "ObservationStale")


def test_what_was_not_observed_yet_overwrites_no_status(stage: Stage) -> None:
    stage.settle(files("shop"))
    before = stage.everything()
    stage.fleet.unlisted.add(CLUSTER)
    reconciliation = stage.start()
    outcome = reconciliation.run()
    assert (outcome.status, outcome.pushed, stage.everything()) == (None, (), before)
    assert reconciliation.run(wait=1).status is not None
    assert stage.everything() == before


def test_nothing_observed_in_time_is_said_when_one_waits(stage: Stage) -> None:
    class Hanging(Fleet):
        def observe_cluster(self, context: str, *, wait: float = 0.0) -> None:
            self.ensured.append((context, wait))

    stage.fleet = Hanging()
    stage.fleet.unlisted.add(CLUSTER)
    stage.push(files("shop"))
    stage.start().run(wait=2)
    assert stage.fleet.ensured[-1] == (CLUSTER, 2)
    assert said(stage, "Ready") == ("Unknown", "NotObserved")


def test_removed_stays_removed_over_passes_and_a_restart(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.fleet.releases.clear()
    for _ in range(3):
        reconciliation.run()
    removed = stage.everything()
    assert stage.status().applications[0].placements[0].reason == "Removed"
    for _ in range(2):
        assert stage.start().run().pushed == ()
    assert stage.everything() == removed


def test_what_people_took_away_and_want_again_was_not_removed_by_somebody(stage: Stage) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    stage.push(files("shop"))
    reconciliation.run()
    del stage.fleet.releases[CLUSTER, "blog"]
    reconciliation.run()
    stage.push(files("blog", "shop"))
    reconciliation.run()
    blog = stage.status().applications[0]
    assert (blog.name, blog.state, blog.placements[0].reason) == ("blog", "Installing", "AwaitingApply")


def test_what_comes_back_is_ready_again(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.fleet.releases.clear()
    reconciliation.run()
    stage.fleet.run_all(stage.lock())
    reconciliation.run()
    assert said(stage, "Ready") == ("True", "AllReady")


def test_the_deadline_makes_installing_a_failure(stage: Stage) -> None:
    stage.judged = AssessmentLimits(progress_deadline=-1.0)
    stage.push(files("shop"))
    stage.start().run()
    placement = stage.status().applications[0].placements[0]
    assert (placement.ready, placement.state, placement.reason) == ("False", "Failed", "ProgressDeadlineExceeded")


def test_without_a_look_a_new_push_is_not_seen_but_what_runs_is(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    old = stage.status().input
    new = stage.push(files("blog", "shop"))
    stage.fleet.releases.clear()
    assert reconciliation.run(fetch=False).pushed == ("status",)
    assert (stage.status().input, stage.status().applications[0].placements[0].reason) == (old, "Removed")
    assert reconciliation.run().main == new


def test_the_first_pass_looks_in_any_case(stage: Stage) -> None:
    stage.push(files("shop"))
    assert stage.start().run(fetch=False).pushed == ("resolved", "status")


# Upgrades


def test_a_new_version_is_not_taken_by_itself(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("blog", "shop"))
    reconciliation.run()
    assert {p.application: p.version for p in stage.lock().packages} == {"blog": "1.1.0", "shop": "1.0.0"}


def test_an_upgrade_is_not_ready_while_the_old_one_runs(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "2.0.0"))
    stage.push(files() | {"applications/shop.yaml": application("shop", version="^2")})
    reconciliation.run()
    assert "~ shop: bp-shop 1.0.0 -> 2.0.0" in stage.message("resolved")
    assert said(stage, "Ready") == ("False", "Progressing")


# Somebody else writes our branches


class Meddling(Shelf):
    """A Catalog during whose answers somebody moves branches, for each in `plan` once."""

    def __init__(self, *blueprints: VerifiedBlueprint) -> None:
        super().__init__(*blueprints)
        self.stage: Stage | None = None
        self.plan: list[str] = []

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        for branch in self.plan if self.stage else []:
            assert self.stage is not None
            self.stage.push({"rubbish": "by somebody"}, branch)
        self.plan = []
        return super().get(catalog, name, version, digest)


@pytest.mark.parametrize("branch", ["resolved", "status"])
@pytest.mark.parametrize("before", [False, True])
def test_a_branch_that_moves_during_a_pass_is_not_overwritten_unseen(tmp_path: Path, branch: str, before: bool) -> None:
    shelf = Meddling(verified("bp-shop", "1.0.0"), verified("bp-blog", "1.0.0"))
    stage = Stage(tmp_path, shelf=shelf)
    reconciliation = stage.settle(files("shop")) if before else stage.start()
    stage.push(files("shop") | {"applications/blog.yaml": application("blog", "bp-blog")})
    shelf.stage, shelf.plan = stage, [branch]
    with pytest.raises(ConcurrentUpdateError):
        reconciliation.run(wait=1)
    assert stage.paths(branch) == ["rubbish"]
    assert branch in reconciliation.run(wait=1).pushed
    assert "rubbish" not in stage.paths(branch)
    assert [p.application for p in stage.lock().packages] == ["blog", "shop"]
    assert reconciliation.run(wait=1).pushed == ()


class Hasty(Repository):
    """A repository in which somebody pushes between a look and its fetch, a number of times."""

    moves = 0

    def fetch(self, wanted: Mapping[str, str]) -> None:
        if self.moves:
            self.moves -= 1
            raise ConcurrentUpdateError("it moved while it was fetched")
        super().fetch(wanted)


@pytest.mark.parametrize(("moves", "seen"), [(2, True), (3, False)])
def test_a_branch_that_moves_during_a_look_is_looked_at_again(tmp_path: Path, moves: int, seen: bool) -> None:
    stage = Stage(tmp_path)
    main = stage.push(files("shop"))
    hasty = Hasty(stage.folder / "hasty", stage.origin.as_uri())
    hasty.moves, branches = moves, EnvironmentBranches(hasty)
    with contextlib.nullcontext() if seen else pytest.raises(ConcurrentUpdateError):
        branches.refresh()
    assert branches.head("main") == (main if seen else None)


def no_lock(stage: Stage, branch: str) -> None:
    stage.git("update-ref", "-d", f"refs/heads/{branch}")
    stage.push({"a": "rubbish"}, branch)


def broken_file(stage: Stage, branch: str) -> None:
    stage.push({"environment.lock.yaml": "packages: [", "status.yaml": "conditions: ["}, branch)


def hollow_file(stage: Stage, branch: str) -> None:
    lock = "kind: EnvironmentLock\nmetadata: {name: acme-prod}\n"
    status = "kind: EnvironmentStatus\nmetadata: {name: acme-prod}\ninput: x\nconditions: []\n"
    stage.push({"environment.lock.yaml": lock, "status.yaml": status}, branch)


def deleted(stage: Stage, branch: str) -> None:
    stage.git("update-ref", "-d", f"refs/heads/{branch}")


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("branch", ["resolved", "status"])
@pytest.mark.parametrize("damage", [no_lock, broken_file, hollow_file, deleted])
def test_a_branch_of_ours_that_was_damaged_is_repaired(stage: Stage, damage: object, branch: str, restart: bool) -> None:
    assert callable(damage)
    reconciliation = stage.settle(files("blog", "shop"))
    tree = stage.trees(branch)[0]
    damage(stage, branch)
    reconciliation = stage.start() if restart else reconciliation
    assert branch in reconciliation.run().pushed
    if branch == "resolved":
        assert stage.trees(branch)[0] == tree
    assert reconciliation.run().pushed == ()
    assert said(stage, "Ready") == ("True", "AllReady")


def test_no_version_moves_because_somebody_deleted_the_lock(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.git("update-ref", "-d", "refs/heads/resolved")
    assert "resolved" in reconciliation.run().pushed
    assert stage.lock().packages[0].version == "1.0.0"


def test_a_broken_lock_is_not_called_good_because_its_commit_claims_to_be(stage: Stage) -> None:
    stage.settle(files("shop"))
    stage.push({"environment.lock.yaml": "["}, "resolved", stage.message("resolved"))
    stage.shelf.down = DOWN
    stage.start().run(wait=1)
    assert said(stage, "Resolved") == ("Unknown", "Unavailable")


def test_rewritten_history_of_main_is_followed(stage: Stage) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    stage.git("update-ref", "-d", "refs/heads/main")
    main = stage.push(files("blog"))
    outcome = reconciliation.run()
    assert (outcome.main, outcome.pushed) == (main, ("resolved", "status"))


# A server that turns a push down


def test_a_server_that_rejects_resolved_is_quoted_and_asked_again(stage: Stage) -> None:
    with GitServer(stage.origin.parent).running() as server:
        stage.url = f"{server.url}/env.git"
        hook(stage.origin, "update", 'case "$1" in */resolved) echo the rule says no >&2; exit 1;; esac')
        stage.push(files("shop"))
        reconciliation = stage.start()
        outcome = reconciliation.run(wait=1)
        assert outcome.pushed == ("status",)
        assert said(stage, "Committed") == ("Unknown", "Rejected")
        assert "the rule says no" in stage.status().condition("Committed").message
        assert said(stage, "Resolved")[0] == "True"
        pushes = sum("git-receive-pack" in line for line in server.requests)
        assert reconciliation.run(fetch=False).blocker == outcome.blocker
        assert sum("git-receive-pack" in line for line in server.requests) == pushes
        assert reconciliation.run().pushed == ()
        (stage.origin / "hooks" / "update").unlink()
        assert reconciliation.run().pushed == ("resolved", "status")
        assert said(stage, "Committed") == ("True", "Committed")


def test_a_rejected_repair_is_not_reported_as_committed(stage: Stage) -> None:
    stage.settle(files("shop"))
    message = stage.message("resolved")
    lock = stage.show("resolved", "environment.lock.yaml")
    stage.push({"environment.lock.yaml": f"{lock}\n", "clusters/elsewhere/evil.yaml": "kind: Secret"}, "resolved", message)
    with GitServer(stage.origin.parent).running() as server:
        stage.url = f"{server.url}/env.git"
        hook(stage.origin, "update", 'case "$1" in */resolved) exit 1;; esac')
        stage.start().run(wait=1)
    assert said(stage, "Committed") == ("Unknown", "Rejected")


def test_a_server_that_is_away_raises_and_nothing_is_lost(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    away = stage.origin.rename(stage.origin.with_name("away"))
    with pytest.raises(NotFoundError):
        reconciliation.run()
    with pytest.raises(NotFoundError):
        reconciliation.run(fetch=False)
    away.rename(stage.origin)
    assert reconciliation.run().pushed == ()


# The local clone


def test_a_clone_deleted_between_passes_costs_only_time(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    before = stage.everything()
    for _ in range(2):
        shutil.rmtree(stage.clone)
        assert reconciliation.run().pushed == ()
    assert stage.everything() == before
    shutil.rmtree(stage.clone)
    stage.push(files("blog", "shop"))
    assert reconciliation.run().pushed == ("resolved", "status")


def test_a_clone_that_is_rubbish_costs_only_time(stage: Stage) -> None:
    reconciliation = stage.settle(files("shop"))
    shutil.rmtree(stage.clone)
    stage.clone.write_text("not a folder")
    with pytest.raises(ConfigurationError):
        reconciliation.run()
    stage.clone.unlink()
    stage.clone.mkdir()
    assert reconciliation.run().pushed == ()


def test_two_environments_on_one_catalog_do_not_mix(tmp_path: Path) -> None:
    shelf = Shelf(verified("bp-shop", "1.0.0", "bp-db"), verified("bp-db", "1.0.0"))
    one, two = Stage(tmp_path / "one", shelf=shelf), Stage(tmp_path / "two", shelf=shelf)
    one.settle(files("shop"))
    two.push(files("other"))
    two.start().run(wait=1)
    assert [p.application for p in one.lock().packages] == ["db", "shop"]
    assert [p.application for p in two.lock().packages] == ["db", "other"]
    assert two.lock().packages[0].artifact.startswith(f"oci://{PREFIX}/bp-db@")


@pytest.mark.parametrize(
    "fault", [UnavailableError("no"), AccessDeniedError("no"), ConfigurationError("no"), ConcurrentUpdateError("no")]
)
def test_any_fault_of_the_catalog_refuses_nothing(stage: Stage, fault: Exception) -> None:
    assert isinstance(fault, (UnavailableError, AccessDeniedError, ConfigurationError, ConcurrentUpdateError))
    stage.shelf.down = fault
    stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), outcome.blocker.reason) == (False, type(fault).__name__)


def test_a_repository_that_does_not_exist_is_a_fault(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Repository(tmp_path / "clone", (tmp_path / "nowhere.git").as_uri()).heads()
    stage.url = Path(tmp_path / "nowhere.git").as_uri()
    with pytest.raises(NotFoundError):
        stage.start().run()


def test_a_branch_that_is_called_like_a_ref_is_none(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.settle(files("shop"))
    stage.git("update-ref", CONFIRMED, stage.head("status") or "")
    stage.push({"README.md": "words"}, branch=CONFIRMED)
    with GitServer(stage.origin.parent).running() as server:
        stage.url = server.url + "/env.git"
        assert stage.start().run(wait=1).pushed == ()
