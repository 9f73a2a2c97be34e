"""Where EnvironmentPolicies come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.model.errors import ConfigurationError, NotFoundError
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.services.policies.environment_policy_loader import (
    ENVIRONMENTS,
    environment_policies_at,
    read_environment_policies,
)
from reconciler.services.policies.policy_commit_status import PolicyStatusPublisher
from reconciler.services.policies.policy_sources import DirectoryPolicySource, GitPolicySource
from tests.support.environment_policies import NO_POLICIES, WINDOW, environment_policy
from tests.support.git_server import bare, commit, git

if TYPE_CHECKING:
    from pathlib import Path


def source(origin: Path, *, stands: float = 60.0) -> GitPolicySource[EnvironmentPolicies]:
    repository = Repository(origin.parent / "clone", origin.as_uri())
    return GitPolicySource(repository, ENVIRONMENTS, environment_policies_at, every=0.0, max_staleness=stands)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    made = bare(tmp_path / "system.git")
    commit(
        made, "main", {"policies/p.yaml": environment_policy(WINDOW), "policies/README.md": "words", "trust/x.yaml": "kind: ["}
    )
    return made


def test_the_folder_policies_is_read_and_nothing_else(origin: Path) -> None:
    policies = source(origin)
    assert len(policies().rules_for("acme-prod")) == 1
    assert policies().broken == ()
    assert policies.head == git(origin, "rev-parse", "main")
    commit(origin, "main", {"policies/p.yaml": environment_policy(WINDOW.replace("14", "25"))})
    assert str(policies().problems("acme-prod")[0]).startswith("policies/p.yaml:7:35: ")
    assert policies().problems("acme-other") == ()
    commit(origin, "main", {"README.md": "no policies any more"})
    assert policies() == NO_POLICIES


def test_what_is_no_plain_file_holds_all(origin: Path) -> None:
    blob = git(origin, "rev-parse", "main:policies/p.yaml")
    git(origin, "update-index", "--add", "--cacheinfo", f"120000,{blob},policies/link.yaml")
    tree = git(origin, "write-tree")
    git(origin, "update-ref", "refs/heads/main", git(origin, "commit-tree", tree, "-p", "main", "-m", "x"))
    found = source(origin)()
    assert found.problems("whoever")
    assert found.rules_for("acme-prod")


def test_without_main_nothing_is_admitted_and_an_outage_is_bridged(origin: Path) -> None:
    policies, hasty = source(origin), source(origin, stands=0.0)
    policies()
    hasty()
    away = origin.rename(origin.with_name("away.git"))
    assert policies().rules_for("acme-prod"), "what is known stands for a while"
    with pytest.raises(NotFoundError):
        hasty()
    with pytest.raises(NotFoundError):
        source(origin)()
    away.rename(origin)
    git(origin, "update-ref", "-d", "refs/heads/main")
    with pytest.raises(ConfigurationError, match="has no branch main"):
        policies()


def test_a_directory_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / MARKER_FILE).touch()
    policies = DirectoryPolicySource(tmp_path, read_environment_policies)
    assert policies() == EnvironmentPolicies()
    (tmp_path / "p.yaml").write_text(environment_policy(WINDOW))
    assert policies().rules_for("acme-prod")
    (tmp_path / "q.yaml").write_text("kind: [")
    assert policies().problems("whoever")


class FakeStatusForge:
    """Commit statuses in memory."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, str, str, str]] = []

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        assert repository == "system/config"
        return {context: (state, words) for there, context, state, words in self.posted if there == commit}

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        assert repository == "system/config"
        self.posted.append((commit, context, state, description))


def test_it_is_told_once_where_policies_are_written(origin: Path) -> None:
    forge = FakeStatusForge()
    announced = PolicyStatusPublisher(forge, "system/config", source(origin))
    announced.publish()
    announced.publish()
    head = git(origin, "rev-parse", "main")
    assert forge.posted == [(head, "catalyst/policy", "success", "1 EnvironmentPolicy documents can be used")]
    broken = commit(origin, "main", {"policies/p.yaml": "kind: ["})
    announced.publish()
    announced.publish()
    assert [one[:3] for one in forge.posted[1:]] == [(broken, "catalyst/policy", "failure")]
    assert forge.posted[1][3].startswith("policies/p.yaml:1:")
