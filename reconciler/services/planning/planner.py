"""Plans a commit: decides what it would resolve to at the head of `main`, as a pass does, and writes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.domain.admission.plan_binding import PlanFingerprint
from reconciler.domain.admission.soak import new_packages
from reconciler.domain.blocker import unavailable
from reconciler.domain.desired_state import DesiredState, compute_desired_state
from reconciler.domain.locking.input_digests import change_digest, changed_documents, document_digest, input_digest
from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.domain.resolution.preferences import reviewed_by_plan, version_preferences, whole_lock
from reconciler.formats.git_objects import tree_id
from reconciler.formats.yaml.documents import MAX_BYTES
from reconciler.model.errors import NotFoundError, ReconcilerError
from reconciler.model.git import Snapshot
from reconciler.model.layout import APPLICATIONS_FOLDER, ENVIRONMENT_FILE, MAIN, RESOLVED, WANTED, ref_of
from reconciler.model.problem import Problem
from reconciler.services.planning.bounded_catalog import BoundedCatalog
from reconciler.services.repository.plan_commit import PlanCommit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from reconciler.domain.blocker import Refused, Unavailable
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.domain.resolution.preferences import ReviewedPackage
    from reconciler.model.environment import EnvironmentIdentity
    from reconciler.model.lock import EnvironmentLock
    from reconciler.services.planning.context import ReconcileContext
    from reconciler.services.planning.namespace_claims import NamespaceClaim
    from reconciler.services.repository.branches import EnvironmentBranches
    from reconciler.services.repository.ports import GitRepository


@dataclass(frozen=True)
class Plan:
    """What merging a commit would change.

    Attributes:
        snapshot: the merged documents.
        prior: the resolved lock.
        desired: the desired state after the merge; None with a blocker.
        tree: the tree id that `resolved` would have.
        steps: the changes, one for each Application.
        warnings: problems that do not refuse it.
        blocker: why there is no desired state.
    """

    snapshot: Snapshot
    prior: EnvironmentLock | None
    desired: DesiredState | None = None
    tree: str | None = None
    steps: tuple[ApplicationChange, ...] = ()
    warnings: tuple[Problem, ...] = ()
    blocker: Refused | Unavailable | None = None

    @property
    def total(self) -> int:
        """The number of Applications after the merge; 0 with a blocker."""
        return len(self.desired.lock.packages) if self.desired else 0


def plan_change(
    snapshot: Snapshot,
    identity: EnvironmentIdentity,
    prior: EnvironmentLock | None,
    context: ReconcileContext,
    claim: NamespaceClaim,
    *,
    reviewed: Iterable[ReviewedPackage] = (),
) -> Plan:
    """Plan merged documents. Never raises a ReconcilerError: an outside failure is returned as Unavailable.

    Args:
        snapshot: the merged documents.
        identity: the name that the Environment must have.
        prior: the resolved lock.
        context: the dependencies that all passes share.
        claim: the Environment's claim on Namespaces; it is queried, and nothing is acquired.
        reviewed: the packages that earlier plans of the same documents reviewed, as `reviewed_packages` returns them, so that the
            planned versions are those that will be applied.
    """
    try:
        render_context = context.render_context(context.policies())
    except ReconcilerError as error:
        return Plan(snapshot, prior, blocker=unavailable("Valid", error))
    desired = compute_desired_state(
        snapshot,
        identity,
        prior,
        BoundedCatalog(context.catalog),
        render_context,
        claim.conflicts_with,
        preferences=version_preferences(prior, reviewed),
    )
    if not isinstance(desired, DesiredState):
        return Plan(snapshot, prior, blocker=desired)
    return Plan(snapshot, prior, desired, tree_id(desired.files), diff_locks(prior, desired.lock), desired.warnings)


def plan_fingerprint(plan: Plan, main: Snapshot, lock: EnvironmentLock | None) -> PlanFingerprint | None:
    """The fingerprint that approvals of a plan are bound to; None when the plan has no tree.

    Args:
        plan: the plan.
        main: the documents on `main`.
        lock: what those resolve to, also while held: its packages are not the pull request's. None when they resolve to nothing.
    """
    if plan.tree is None or plan.desired is None:
        return None
    lines = (f"{package.application} {package.digest}\n" for package in new_packages(lock or plan.prior, plan.desired.lock))
    packages = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:32]
    return PlanFingerprint(plan.tree, change_digest(main, plan.snapshot), packages)


def to_plan_commit(plan: Plan, branches: EnvironmentBranches, main: EnvironmentLock | None) -> PlanCommit | None:
    """A plan in the form that its branch stores; None when the plan has no tree.

    Args:
        plan: the plan.
        branches: the Environment's branches, on which the plan was made.
        main: what `main` resolves to without the plan, also while held; None when it resolves to nothing.
    """
    if plan.tree is None or plan.desired is None:
        return None
    lock, changes = plan.desired.lock, changed_documents(branches.input_snapshot(), plan.snapshot)
    reviewed = reviewed_by_plan(plan.prior, main, lock)
    return PlanCommit(plan.tree, lock, input_digest(plan.snapshot), changes, reviewed, branches.head(RESOLVED))


def contains_changes(snapshot: Snapshot, changes: Mapping[str, str]) -> bool:
    """Whether documents contain some changes (as `changed_documents` returns them), by whatever route they came."""
    return all(document_digest(name, snapshot) == content for name, content in changes.items())


def reviewed_packages(
    branches: EnvironmentBranches, snapshot: Snapshot, others: Callable[[], AbstractSet[int]]
) -> tuple[ReviewedPackage, ...]:
    """The packages that plans of these documents reviewed: their versions are kept.

    Args:
        branches: the Environment's branches.
        snapshot: the documents on `main`, or those that a merge would put there.
        others: returns the numbers of open pull requests, whose plans do not count, whatever they contain.
    """
    digest, plans = input_digest(snapshot), _plans(branches, snapshot)
    contained = {number: plan for number, plan in plans.items() if contains_changes(snapshot, plan.changes)}
    still_open = others() if contained else frozenset[int]()
    # A plan with more changes comes after those it contains, as where one pull request is based on another.
    order = sorted(contained.keys() - still_open, key=lambda number: (len(contained[number].changes), number))
    counted = [contained[number] for number in order]
    return (*chain.from_iterable(plan.reviewed for plan in counted), *_whole(branches, digest, counted))


def exact_plan(branches: EnvironmentBranches, main: Snapshot) -> tuple[ReviewedPackage, ...]:
    """All packages of the plan of exactly these documents on the current head of `resolved`, also of an open pull request.

    The forge may report a moment after the push that the pull request was merged.
    """
    return _whole(branches, input_digest(main), list(_plans(branches, main).values()))


def _plans(branches: EnvironmentBranches, snapshot: Snapshot) -> Mapping[int, PlanCommit]:
    """The plans that may count for some documents, by number: none when the documents are resolved already."""
    if input_digest(snapshot) == branches.digest_of_resolved():
        return {}
    return {number: plan for number in sorted(branches.plans) if (plan := branches.plan(number))}


def _whole(branches: EnvironmentBranches, digest: str, plans: Sequence[PlanCommit]) -> tuple[ReviewedPackage, ...]:
    """All packages of the last plan that was made of exactly these documents on the current head of `resolved`."""
    exact = [plan for plan in plans if (plan.input, plan.base) == (digest, branches.head(RESOLVED))]
    return whole_lock(branches.lock(), exact[-1].lock) if exact else ()


def is_revert(plan: Plan, branches: EnvironmentBranches) -> bool:
    """Whether a pull request takes `main` back to the admitted documents, or to documents that install nothing."""
    if plan.desired is None:
        return False
    same = input_digest(plan.snapshot) == branches.digest_of_resolved() or plan.tree == branches.tree(RESOLVED)
    return same or (branches.head(RESOLVED) is None and not plan.desired.lock.packages)


def merge_ref(repository: GitRepository, ref: str) -> Snapshot:
    """The documents with a branch or a pull request merged into `main`.

    Args:
        repository: a clone with history; its heads are read and fetched here.
        ref: a branch, `pull/<n>`, or `main` itself.

    Raises:
        NotFoundError: there is no such branch.
        ReconcilerError: the repository could not be read.
    """
    heads = repository.heads()
    full = ref_of(ref)
    for name in (MAIN, full):
        if name not in heads:
            raise NotFoundError(f"{repository.name} has no {name}", "name a branch, or pull/<number>")
    repository.fetch({name: heads[name] for name in (MAIN, full)})
    return repository.merge(heads[MAIN], heads[full], WANTED)


def snapshot_of_folder(folder: Path) -> Snapshot:
    """The documents in a folder as they are now, committed or not."""
    files: dict[str, bytes] = {}
    problems = []
    for path in (folder / ENVIRONMENT_FILE, *sorted((folder / APPLICATIONS_FOLDER).glob("*.yaml"))):
        name = path.relative_to(folder).as_posix()
        try:
            with path.open("rb") as stream:
                files[name] = stream.read(MAX_BYTES + 1)  # one more byte, so that validation refuses the size
        except FileNotFoundError:
            continue  # validation reports a missing environment.yaml
        except OSError as error:
            problems.append(Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=name))
    return Snapshot("", files, tuple(problems))
