"""Preparing a repository: which steps are taken, once, and what is left to people. On a forge in memory, with git on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.adapters.git import Repository
from reconciler.commands.prepare_environment import PreparationRequest, PreparationStep, prepare_environment
from reconciler.model.errors import RejectedError
from reconciler.model.forge import Webhook
from tests.support.environment_files import CLUSTER
from tests.support.git_server import bare, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

WHERE, US = "acme/acme-prod", "Catalyst"
URL, SECRET = "https://reconciler.example/webhook", "a secret of these tests"


@dataclass
class FakePreparationForge:
    """An PreparationForge in memory, whose repository is at `origin`; it keeps count of what is written."""

    origin: Path
    right: str = "none"
    forgetful: bool = False
    read_only: bool = False
    tags: list[str] = field(default_factory=lambda: ["theirs"])
    created: list[Webhook] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def is_archived(self, repository: str) -> bool | None:
        assert repository == WHERE
        return self.read_only if self.origin.exists() else None

    def create_repository(self, repository: str) -> None:
        self.writes.append(f"create {repository}")
        bare(self.origin)

    def access(self, repository: str, user: str) -> tuple[str, str]:
        del repository
        return user.capitalize(), self.right

    def grant_write(self, repository: str, user: str) -> None:
        self.writes.append(f"let {user} write {repository}")
        self.right = "write"

    def protections(self, repository: str) -> Sequence[Mapping[str, Any]]:
        del repository
        return self.rules

    def protect(self, repository: str, rule: str, fields: Mapping[str, Any], *, new: bool) -> None:
        del repository
        self.writes.append(f"protect {rule}")
        kept = {key: [] if self.forgetful and key.endswith("usernames") else value for key, value in fields.items()}
        if new:
            self.rules.append({"rule_name": rule, "priority": len(self.rules) + 1, **kept})
        else:
            next(one for one in self.rules if one["rule_name"] == rule).update(kept)

    def webhooks(self, repository: str) -> Sequence[Webhook]:
        del repository
        return self.created

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        self.writes.append(f"hook {repository}")
        assert secret == SECRET
        found = frozenset(events) - {"pull_request_only"} | {"pull_request"}  # in the words in which Gitea shows it
        self.created.append(Webhook(7, url, active=True, json=True, events=found, branches=branches))
        return 7

    def topics(self, repository: str) -> Sequence[str]:
        del repository
        return self.tags

    def add_topic(self, repository: str, topic: str) -> None:
        self.writes.append(f"add {topic} to {repository}")
        self.tags.append(topic)


@pytest.fixture
def forge(tmp_path: Path) -> FakePreparationForge:
    return FakePreparationForge(tmp_path / "served" / "env.git")


def init(forge: FakePreparationForge, *clusters: str, webhook: tuple[str, str] | None = (URL, SECRET)) -> list[PreparationStep]:
    clone = Repository(forge.origin.parent.parent / f"clone-{len(forge.writes)}", forge.origin.as_uri())
    return list(prepare_environment(PreparationRequest(forge, clone, WHERE, US.lower(), "topic", webhook, clusters)))


def test_all_is_made_once_and_the_topic_last(forge: FakePreparationForge) -> None:
    steps = init(forge, CLUSTER)
    assert [step.name for step in steps if step.result == "created"] == [
        "repository",
        "main",
        *(f"protection of {rule}" for rule in ("main", "resolved", "status", "plan", "plan/**")),
        "webhook",
        "topic",
    ]
    assert PreparationStep("access", "changed", f"{US} may write") in steps
    assert forge.writes[-1] == f"add topic to {WHERE}"
    assert git(forge.origin, "ls-tree", "--name-only", "main").split() == ["README.md", "environment.yaml"]
    before, refs = list(forge.writes), git(forge.origin, "for-each-ref")
    assert {step.result for step in init(forge, CLUSTER)} == {"as it was"}
    assert (forge.writes, git(forge.origin, "for-each-ref")) == (before, refs)


def test_without_an_address_there_is_no_webhook(forge: FakePreparationForge) -> None:
    assert "webhook" not in {step.name for step in init(forge, CLUSTER, webhook=None)}
    assert forge.created == []


def test_a_webhook_that_does_not_deliver_what_is_needed_gets_one_beside_it(forge: FakePreparationForge) -> None:
    forge.created.append(Webhook(1, URL, active=False, json=True, events=frozenset({"push"}), branches=None))
    steps = init(forge, CLUSTER)
    assert PreparationStep("webhook", "created", URL) in steps
    assert [hook.active for hook in forge.created] == [False, True]


def test_without_a_cluster_nothing_is_begun(forge: FakePreparationForge) -> None:
    (step,) = init(forge)
    assert (step.name, step.result, "--placement" in step.detail) == ("main", "missing", True)
    assert forge.writes == []


def test_what_people_wrote_is_not_touched(forge: FakePreparationForge) -> None:
    head = commit(bare(forge.origin), "main", {"README.md": "theirs"})
    steps = init(forge, CLUSTER)
    assert next(step.result for step in steps if step.name == "main") == "missing"
    assert git(forge.origin, "rev-parse", "main") == head
    assert forge.tags == ["theirs", "topic"]
    commit(forge.origin, "main", {"environment.yaml": "kind: ["})
    assert {step.result for step in init(forge)} == {"as it was"}, "whether it is valid, `validate` and each pass tell"


def test_a_rule_that_the_forge_does_not_keep_is_no_protection(forge: FakePreparationForge) -> None:
    forge.right, forge.forgetful = "admin", True
    with pytest.raises(RejectedError, match=r"does not store the protection of resolved: push_whitelist_usernames.*collaborator"):
        init(forge, CLUSTER)
    assert forge.tags == ["theirs"], "the reconciler does not take it on"


def test_an_archived_one_is_left_alone(forge: FakePreparationForge) -> None:
    bare(forge.origin)
    forge.read_only = True
    with pytest.raises(RejectedError, match="is archived"):
        init(forge, CLUSTER)
    assert forge.writes == []
