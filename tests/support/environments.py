"""An Environment in a bare repository on disk, with what a pass over it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.adapters.git import Repository
from reconciler.adapters.git.remote import MAX_FETCH
from reconciler.domain.rendering.flux_objects import RenderContext
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import load
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.lock import EnvironmentLock
from reconciler.model.status import EnvironmentStatus
from reconciler.services.observation.ports import AssessmentLimits
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.environment_files import passes
from tests.support.fakes import FakeCatalog, FakeClusters, verified
from tests.support.git_server import bare, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from reconciler.adapters.commit_keys import CommitKeys
    from reconciler.services.admission.gate import AdmissionGate
    from reconciler.services.environment_pass import EnvironmentPass
    from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
    from reconciler.services.repository.ports import GitRepository
    from reconciler.services.review.pull_request_reviewer import PullRequestReviewer

AROUND = RenderContext(sovereign="test", keys={})


@dataclass
class EnvironmentOnDisk:
    """One Environment: its bare repository, and all that passes over it need."""

    folder: Path
    shelf: FakeCatalog = field(default_factory=lambda: FakeCatalog(verified("bp-shop", "1.0.0")))
    fleet: FakeClusters = field(default_factory=FakeClusters)
    identity: EnvironmentIdentity = field(default_factory=lambda: EnvironmentIdentity("acme-prod"))
    policies: Callable[[], TrustPolicies] = field(default_factory=lambda: lambda: TrustPolicies(()))
    limits: dict[str, float] = field(default_factory=dict)
    judged: AssessmentLimits = field(default_factory=AssessmentLimits)
    notices: CommitStatusPublisher | None = None
    around: RenderContext = AROUND
    url: str = ""
    max_fetch: int = MAX_FETCH
    keys: CommitKeys | None = None
    starts: int = 0

    def __post_init__(self) -> None:
        self.origin = bare(self.folder / "served" / "env.git")

    @property
    def clone(self) -> Path:
        """Where the newest Reconciliation keeps its clone."""
        return self.folder / f"clone-{self.starts}"

    def wrap(self, repository: Repository) -> GitRepository:
        """The repository as its passes use it; a test may put itself in between."""
        return repository

    def start(
        self,
        *,
        gate: AdmissionGate | None = None,
        proposed: Callable[[], AbstractSet[int]] = frozenset,
        pulls: PullRequestReviewer | None = None,
        retry: float | None = None,
        keep: bool = False,
    ) -> EnvironmentPass:
        """As after a restart: on another machine, where nothing is cloned, or where `state` was kept."""
        self.starts += not keep
        world = self.world(retry=retry)
        repository = Repository(self.clone, self.url or self.origin.as_uri(), keys=self.keys, max_fetch=self.max_fetch)
        branches = EnvironmentBranches(self.wrap(repository))
        return passes(self.identity, branches, world, gate=gate, notices=self.notices, proposed=proposed, pulls=pulls)

    def world(self, *, retry: float | None = None) -> ReconcileContext:
        """What its passes share."""
        return ReconcileContext(
            catalog=self.shelf,
            clusters=self.fleet,
            policies=self.policies,
            render_context=lambda _: self.around,
            limits=self.judged,
            **{"coalesce": 0.0, **self.limits, **({} if retry is None else {"retry": retry})},
        )

    def push(self, content: dict[str, str], branch: str = "main", message: str = "a change") -> str:
        return commit(self.origin, branch, content, message)

    def settle(self, content: dict[str, str]) -> EnvironmentPass:
        """Push, and pass until everything runs and is said to."""
        self.push(content)
        reconciliation = self.start()
        reconciliation.run(wait=1)
        self.fleet.run_all(self.lock())
        reconciliation.run(wait=1)
        return reconciliation

    def git(self, *arguments: str) -> str:
        return git(self.origin, *arguments)

    def head(self, branch: str) -> str | None:
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def message(self, branch: str) -> str:
        return self.git("log", "-1", "--format=%B", branch)

    def show(self, branch: str, file: str) -> str:
        return self.git("show", f"{branch}:{file}")

    def paths(self, branch: str) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", branch).splitlines()

    def trees(self, branch: str) -> list[str]:
        """The trees of a branch's commits, newest first."""
        return self.git("log", "--format=%T", branch, "--").splitlines() if self.head(branch) else []

    def everything(self) -> tuple[str, str]:
        """All refs, and how many objects there are: what any push would change."""
        return self.git("for-each-ref"), self.git("count-objects", "-v")

    def lock(self) -> EnvironmentLock:
        found, problems = parse_document(load(self.show("resolved", "environment.lock.yaml").encode(), "lock"), EnvironmentLock)
        assert found is not None, problems
        return found

    def status(self) -> EnvironmentStatus:
        found, problems = parse_document(load(self.show("status", "status.yaml").encode(), "status"), EnvironmentStatus)
        assert found is not None, problems
        return found


def condition_of(stage: EnvironmentOnDisk, kind: str) -> tuple[str, str]:
    condition = stage.status().condition(kind)
    return condition.status, condition.reason
