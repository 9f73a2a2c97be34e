"""What a pass decides on a commit of `main`, and what refuses, holds or delays it."""

from __future__ import annotations

import pytest

from reconciler.adapters.git import Repository
from reconciler.domain.blocker import Refused, Unavailable, problems_of
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import AccessDeniedError, ConcurrentUpdateError, ConfigurationError, UnavailableError
from reconciler.model.policy_removal import StatedRemovals
from reconciler.model.trust import TrustPolicy
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import application, environment, files, passes
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import DOWN, verified
from tests.support.git_server import commit_tree, git
from tests.support.public_keys import public_key

# Refusals


def test_a_refused_push_leaves_resolved_alone_and_says_where(stage: EnvironmentOnDisk) -> None:
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
    assert condition_of(stage, "Valid") == ("False", "UnknownField")
    assert condition_of(stage, "Committed") == ("Unknown", "NotReached")
    assert condition_of(stage, "Ready") == ("True", "AllReady")
    assert stage.message("status").startswith(f"acme-prod: Refused {bad[:10]} (applications/blog.yaml:6:3), still Ready 1/1\n")


def test_what_runs_is_still_reported_while_a_push_is_refused(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.push(files("shop") | {"environment.yaml": "kind: ["})
    reconciliation.run()
    stage.fleet.releases.clear()
    assert reconciliation.run(fetch=False).pushed == ("status",)
    assert stage.status().applications[0].placements[0].reason == "Removed"
    assert stage.status().refused is not None


def test_a_corrected_push_is_accepted(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop") | {"applications/blog.yaml": "["})
    reconciliation = stage.start()
    refused = reconciliation.run(wait=1)
    assert refused.blocker is not None
    assert isinstance(refused.blocker, Refused)
    assert (stage.head("resolved"), condition_of(stage, "Ready")) == (None, ("Unknown", "NothingObserved"))
    stage.push(files("blog", "shop"))
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert stage.status().refused is None


def test_all_problems_of_a_commit_are_reported_at_once(stage: EnvironmentOnDisk) -> None:
    bad = {f"applications/{n}.yaml": application(n, version="latest!") for n in ("a", "b", "c")}
    stage.push(files() | bad)
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert [p.place for p in problems_of(outcome.blocker)] == [f"applications/{n}.yaml:5:39" for n in "abc"]
    assert "; and 2 more" in outcome.blocker.message


def test_a_refused_commit_is_not_looked_at_again(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop") | {"environment.yaml": "kind: ["})
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    before, asked = stage.everything(), stage.shelf.asked
    for _ in range(20):
        reconciliation.run()
    assert (stage.everything(), stage.shelf.asked) == (before, asked)


def test_a_symlink_is_refused(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop"))
    blob = git(stage.origin, "hash-object", "-w", "--stdin", stdin=b"/etc/passwd")
    git(stage.origin, "update-index", "--add", "--cacheinfo", f"120000,{blob},applications/evil.yaml")
    commit_tree(stage.origin, "main", git(stage.origin, "write-tree"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert [(p.code, p.file) for p in problems_of(outcome.blocker)] == [("Symlink", "applications/evil.yaml")]


# Who an Environment is


def test_a_repository_cannot_claim_to_be_another_environment(stage: EnvironmentOnDisk) -> None:
    stage.identity = EnvironmentIdentity("acme-stg")
    stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), outcome.blocker.reason) == (True, "NameMismatch")
    assert "this repository is the Environment acme-stg, but environment.yaml names acme-prod" in outcome.blocker.message
    assert stage.head("resolved") is None
    assert stage.status().metadata.name == "acme-stg"


def test_a_repository_cannot_claim_to_be_of_another_organization(stage: EnvironmentOnDisk) -> None:
    stage.identity = EnvironmentIdentity("acme-prod", "globex")
    stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert "this repository belongs to globex, but environment.yaml names acme" in outcome.blocker.message
    assert stage.head("resolved") is None


def test_nor_be_placed_on_another_organizations_cluster(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop", clusters=("hz-fsn-rtz-prod-globex",)))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), stage.fleet.ensured) == (True, [])


# Healing


def test_a_blueprint_signed_later_is_accepted_without_a_push(stage: EnvironmentOnDisk) -> None:
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


def test_a_refused_commits_blueprints_are_not_asked_for_before_it_is_time(stage: EnvironmentOnDisk) -> None:
    stage.limits = {"retry": 3600.0}
    stage.push({"environment.yaml": environment(), "applications/blog.yaml": application("blog", "bp-blog")})
    reconciliation = stage.start()
    reconciliation.run(wait=1)
    asked = stage.shelf.asked
    reconciliation.run(wait=1)
    assert stage.shelf.asked == asked


def test_a_registry_that_does_not_answer_refuses_nothing(stage: EnvironmentOnDisk) -> None:
    main = stage.push(files("shop"))
    stage.shelf.down = DOWN
    reconciliation = stage.start()
    outcome = reconciliation.run(wait=1)
    assert (outcome.resolved, outcome.pushed) == (None, ("status",))
    assert condition_of(stage, "Resolved") == ("Unknown", "Unavailable")
    assert (stage.status().input, stage.status().refused, stage.status().problems) == (main, None, [])
    assert reconciliation.run(wait=1).pushed == ()
    stage.shelf.down = None
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")


def test_an_outage_that_is_told_in_other_words_each_time_is_one_commit(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop"))
    reconciliation = stage.start()
    pushed = []
    for words in ("it timed out", "it answered 503", "the connection was refused"):
        stage.shelf.down = UnavailableError(words)
        pushed.append(reconciliation.run(wait=1).pushed)
    assert pushed == [("status",), (), ()]
    stage.shelf.down = AccessDeniedError("another trouble is told")
    assert reconciliation.run(wait=1).pushed == ("status",)


def test_a_registry_that_does_not_answer_is_not_asked_at_every_change_of_a_cluster(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.push(files("blog", "shop"))
    stage.shelf.down = DOWN
    reconciliation.run()
    asked = stage.shelf.asked
    assert reconciliation.run(fetch=False).blocker is not None
    assert stage.shelf.asked == asked
    reconciliation.run()
    assert stage.shelf.asked > asked


def test_a_commit_resolved_before_is_not_doubted_when_the_registry_is_away(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("shop"))
    stage.shelf.down = DOWN
    started = stage.start()
    outcome = started.run(wait=1)
    assert outcome.blocker is not None
    assert outcome.pushed == ("status",)
    assert [condition_of(stage, one)[0] for one in ("Valid", "Resolved", "Committed", "Ready")] == ["True"] * 4
    assert condition_of(stage, "Trusted") == ("Unknown", "Unavailable"), "that alone is not known"
    assert started.run(wait=1).pushed == ()


def test_trust_policies_that_cannot_be_read_stop_decisions_and_judge_nothing(stage: EnvironmentOnDisk) -> None:
    def broken() -> TrustPolicies:
        raise ConfigurationError("trust/openova.yaml:3:1: unknown field spek")

    stage.policies = broken
    stage.push({"environment.yaml": "["})
    outcome = stage.start().run(wait=1)
    assert outcome.pushed == ("status",)
    assert condition_of(stage, "Valid") == ("Unknown", "Misconfigured")
    assert {c.status for c in stage.status().conditions} == {"Unknown"}
    assert (stage.shelf.asked, stage.status().refused) == (0, None)


def trust_policy(name: str) -> TrustPolicy:
    authority = {"name": "release", "key": public_key("release")}
    return TrustPolicy.model_validate(
        {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": name},
            "spec": {"artifacts": ["*"], "authorities": [authority]},
        }
    )


def test_changed_trust_policies_are_a_reason_to_decide_again(stage: EnvironmentOnDisk) -> None:
    policy = trust_policy("one")
    current = [TrustPolicies(())]
    stage.policies = lambda: current[0]
    reconciliation = stage.settle(files("shop"))
    for now, decides in ((TrustPolicies(()), False), (TrustPolicies((policy,)), True), (TrustPolicies((policy,)), False)):
        current[0], before = now, stage.shelf.recalled
        assert reconciliation.run().pushed == (("status",) if decides else ()), "it names the policies in force"
        assert (stage.shelf.recalled - before > 1) == decides, "each pass looks once whether what is locked still stands"


def test_a_trust_policy_that_is_missing_stops_decisions_also_after_a_restart(stage: EnvironmentOnDisk) -> None:
    stage.policies = lambda: TrustPolicies((trust_policy("lax"), trust_policy("strict")))
    stage.settle(files("shop"))
    in_force = stage.status().policies
    assert [(one.kind, one.name) for one in in_force] == [("TrustPolicy", "lax"), ("TrustPolicy", "strict")]
    stage.policies = lambda: TrustPolicies((trust_policy("lax"),))
    stage.push(files("blog"))
    outcome = stage.start().run(wait=1)
    assert isinstance(outcome.blocker, Unavailable)
    assert "TrustPolicies that were in force are missing: strict" in outcome.blocker.message
    assert "resolved" not in outcome.pushed
    assert stage.status().policies == in_force
    stage.policies = lambda: TrustPolicies((trust_policy("lax"),), removals=StatedRemovals(frozenset({"strict"})))
    assert "resolved" in stage.start().run(wait=1).pushed
    assert [one.name for one in stage.status().policies] == ["lax"]


# Upgrades


def test_a_new_version_is_not_taken_by_itself(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("blog", "shop"))
    reconciliation.run()
    assert {p.application: p.version for p in stage.lock().packages} == {"blog": "1.1.0", "shop": "1.0.0"}


@pytest.mark.parametrize(
    "fault", [UnavailableError("no"), AccessDeniedError("no"), ConfigurationError("no"), ConcurrentUpdateError("no")]
)
def test_any_fault_of_the_catalog_refuses_nothing(stage: EnvironmentOnDisk, fault: Exception) -> None:
    assert isinstance(fault, (UnavailableError, AccessDeniedError, ConfigurationError, ConcurrentUpdateError))
    stage.shelf.down = fault
    stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert outcome.blocker is not None
    assert (isinstance(outcome.blocker, Refused), outcome.blocker.reason) == (False, fault.reason)


class FailingPush(Repository):
    """A repository whose server fails a number of pushes to `resolved`, without an answer."""

    failures = 1

    def push(self, commit: str, branch: str, *, expect: str | None) -> None:
        if branch == "resolved" and self.failures:
            self.failures -= 1
            raise UnavailableError("the server did not answer")
        super().push(commit, branch, expect=expect)


def test_after_a_push_that_failed_the_next_pass_decides_anew(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop"))
    repository = FailingPush(stage.folder / "failing", stage.origin.as_uri())
    repository.failures = 0
    reconciliation = passes(stage.identity, EnvironmentBranches(repository), stage.world(retry=3600))
    reconciliation.run(wait=1)
    stage.shelf.put(verified("bp-shop", "1.1.0"))
    stage.push(files("shop") | {"applications/shop.yaml": application("shop", version="^1.1")})
    repository.failures = 1
    stage.fleet.releases.clear()
    outcome = reconciliation.run(wait=1)
    assert (outcome.pushed, condition_of(stage, "Committed")) == (("status",), ("Unknown", "Unavailable"))
    assert condition_of(stage, "Ready")[0] == "False", "what runs is told all the same"
    stage.shelf.put(verified("bp-shop", "1.2.0"))
    assert "resolved" in reconciliation.run(wait=1).pushed
    assert [package.version for package in stage.lock().packages] == ["1.2.0"]
