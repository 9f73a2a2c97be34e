"""What a commit would come to, if it were the head of `main`: the decisions of a pass, and nothing written."""

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
    """What merging a commit would give.

    Attributes:
        snapshot: the merged files that people wrote.
        prior: what is resolved.
        desired: what would be; None with a blocker.
        tree: the tree id that `resolved` would have.
        steps: what changes.
        warnings: problems that do not refuse it.
        blocker: why there is none.
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
        """How many Applications there would be; 0 with a blocker."""
        return len(self.desired.lock.packages) if self.desired else 0


def plan_change(
    snapshot: Snapshot,
    identity: EnvironmentIdentity,
    prior: EnvironmentLock | None,
    world: ReconcileContext,
    claim: NamespaceClaim,
    *,
    reviewed: Iterable[ReviewedPackage] = (),
) -> Plan:
    """Plan what people wrote. Never raises a ReconcilerError: an outside failure comes back as Unavailable.

    Args:
        snapshot: the files, as merged.
        identity: who the Environment must say it is.
        prior: what is resolved.
        world: what passes know.
        claim: the Environment's hold on Namespaces; it is asked, and nothing is taken.
        reviewed: what plans of the same bring, as `reviewed_packages` finds them: what is planned is what will be applied.
    """
    try:
        around = world.surroundings(world.policies())
    except ReconcilerError as fault:
        return Plan(snapshot, prior, blocker=unavailable("Valid", fault))
    found = compute_desired_state(
        snapshot, identity, prior, world.catalog, around, claim.conflicts_with, kept=version_preferences(prior, reviewed)
    )
    if not isinstance(found, DesiredState):
        return Plan(snapshot, prior, blocker=found)
    return Plan(snapshot, prior, found, tree_id(found.files), diff_locks(prior, found.lock), found.warnings)


def plan_fingerprint(found: Plan, main: Snapshot, lock: EnvironmentLock | None) -> PlanFingerprint | None:
    """What approvals of a plan are bound to; None when it has no tree.

    Args:
        found: the plan.
        main: what people wrote on `main`.
        lock: what that comes to, be it held or not: it is not of the pull request. None when it comes to nothing.
    """
    if found.tree is None or found.desired is None:
        return None
    lines = (f"{one.application} {one.digest}\n" for one in new_packages(lock or found.prior, found.desired.lock))
    packages = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:32]
    return PlanFingerprint(found.tree, change_digest(main, found.snapshot), packages)


def to_plan_commit(found: Plan, branches: EnvironmentBranches, main: EnvironmentLock | None) -> PlanCommit | None:
    """A plan as its branch is to hold it; None when it has no tree.

    Args:
        found: the plan.
        branches: the Environment's, upon which it was made.
        main: what `main` comes to without it, be it held or not; None when it comes to nothing.
    """
    if found.tree is None or found.desired is None:
        return None
    lock, changes = found.desired.lock, changed_documents(branches.input_snapshot(), found.snapshot)
    new = reviewed_by_plan(found.prior, main, lock)
    return PlanCommit(found.tree, lock, input_digest(found.snapshot), changes, new, branches.head(RESOLVED))


def contains_changes(snapshot: Snapshot, changes: Mapping[str, str]) -> bool:
    """Whether what people wrote has some changes (as `changed_documents` tells them), by whatever route they came."""
    return all(document_digest(name, snapshot) == new for name, new in changes.items())


def reviewed_packages(
    branches: EnvironmentBranches, snapshot: Snapshot, others: Callable[[], AbstractSet[int]]
) -> tuple[ReviewedPackage, ...]:
    """What people reviewed of what they wrote, in plans: its versions stay what they were.

    Args:
        branches: the Environment's.
        snapshot: what people wrote on `main`, or would have there.
        others: asks for the pull requests that are no part of that, since they are open, whatever they hold.
    """
    written, every = input_digest(snapshot), _plans(branches, snapshot)
    plans = {number: found for number, found in every.items() if contains_changes(snapshot, found.changes)}
    apart = others() if plans else frozenset[int]()
    # What holds more comes after what it holds too, as where one pull request is made upon another.
    order = sorted(plans.keys() - apart, key=lambda number: (len(plans[number].changes), number))
    counted = [plans[number] for number in order]
    return (*chain.from_iterable(one.reviewed for one in counted), *_whole(branches, written, counted))


def exact_plan(branches: EnvironmentBranches, main: Snapshot) -> tuple[ReviewedPackage, ...]:
    """All of a plan that was made of just what people wrote on `main`, upon what is resolved: of an open pull request too.

    The forge may learn a moment after the push that it was merged.
    """
    return _whole(branches, input_digest(main), list(_plans(branches, main).values()))


def _plans(branches: EnvironmentBranches, snapshot: Snapshot) -> Mapping[int, PlanCommit]:
    """The plans that may count for what people wrote, by number: none when it is resolved, since nothing is to come then."""
    if input_digest(snapshot) == branches.digest_of_resolved():
        return {}
    return {number: found for number in sorted(branches.plans) if (found := branches.plan(number))}


def _whole(branches: EnvironmentBranches, written: str, plans: Sequence[PlanCommit]) -> tuple[ReviewedPackage, ...]:
    """All of the last of some plans that was made of just this, upon what is resolved."""
    found = [one for one in plans if (one.input, one.base) == (written, branches.head(RESOLVED))]
    return whole_lock(branches.lock(), found[-1].lock) if found else ()


def is_revert(found: Plan, branches: EnvironmentBranches) -> bool:
    """Whether a pull request takes `main` back to what is admitted, or to what installs nothing."""
    if found.desired is None:
        return False
    same = input_digest(found.snapshot) == branches.digest_of_resolved() or found.tree == branches.tree(RESOLVED)
    return same or (branches.head(RESOLVED) is None and not found.desired.lock.packages)


def merge_ref(repository: GitRepository, ref: str) -> Snapshot:
    """What people wrote, with a branch or a pull request merged into `main`.

    Args:
        repository: with its history; it is asked and fetched here.
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
    """What people wrote, as it is in a folder now, committed or not."""
    files: dict[str, bytes] = {}
    problems = []
    for path in (folder / ENVIRONMENT_FILE, *sorted((folder / APPLICATIONS_FOLDER).glob("*.yaml"))):
        name = path.relative_to(folder).as_posix()
        try:
            with path.open("rb") as stream:
                files[name] = stream.read(MAX_BYTES + 1)  # one more, so that it is refused for its size
        except FileNotFoundError:
            continue  # an environment.yaml that is not there is told with all else that is wrong
        except OSError as error:
            problems.append(Problem(code="Unreadable", message=f"cannot be read: {error.strerror}", file=name))
    return Snapshot("", files, tuple(problems))
