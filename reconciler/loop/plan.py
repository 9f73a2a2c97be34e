"""What a commit would come to, if it were the head of `main`: the decisions of a pass, and nothing written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.decide.blocker import unavailable
from reconciler.decide.marks import Bound
from reconciler.decide.plan import steps
from reconciler.decide.reviewed import all_of, brought, keeping
from reconciler.decide.soak import fresh
from reconciler.decide.validate import APPLICATIONS_FOLDER, ENVIRONMENT_FILE
from reconciler.loop.branches import MAIN, RESOLVED, ref_of
from reconciler.loop.desire import WANTED, Desired, changes_of, content_of, desire, diff_of, input_of
from reconciler.loop.planned import Planned
from reconciler.model.faults import Fault, Missing
from reconciler.model.problem import Problem
from reconciler.world.documents import MAX_BYTES
from reconciler.world.git import Repository, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from reconciler.decide.blocker import Refused, Unavailable
    from reconciler.decide.plan import Step
    from reconciler.decide.reviewed import Brought
    from reconciler.loop.branches import Branches
    from reconciler.loop.claims import Claim
    from reconciler.loop.desire import Identity
    from reconciler.loop.passes import World
    from reconciler.model.lock import EnvironmentLock


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
    desired: Desired | None = None
    tree: str | None = None
    steps: tuple[Step, ...] = ()
    warnings: tuple[Problem, ...] = ()
    blocker: Refused | Unavailable | None = None

    @property
    def total(self) -> int:
        """How many Applications there would be; 0 with a blocker."""
        return len(self.desired.lock.packages) if self.desired else 0


def plan(
    snapshot: Snapshot,
    identity: Identity,
    prior: EnvironmentLock | None,
    world: World,
    claim: Claim,
    *,
    reviewed: Iterable[Brought] = (),
) -> Plan:
    """Plan what people wrote. Never raises a Fault: an outside failure comes back as Unavailable.

    Args:
        snapshot: the files, as merged.
        identity: who the Environment must say it is.
        prior: what is resolved.
        world: what passes know.
        claim: the Environment's hold on Namespaces; it is asked, and nothing is taken.
        reviewed: what plans of the same bring, as `reviewed` finds them: what is planned is what will be applied.
    """
    try:
        around = world.surroundings(world.policies())
    except Fault as fault:
        return Plan(snapshot, prior, blocker=unavailable("Valid", fault))
    found = desire(snapshot, identity, prior, world.catalog, around, claim.taken, kept=keeping(prior, reviewed))
    if not isinstance(found, Desired):
        return Plan(snapshot, prior, blocker=found)
    return Plan(snapshot, prior, found, Repository.tree_of(found.files), steps(prior, found.lock), found.warnings)


def bound_of(found: Plan, main: Snapshot, lock: EnvironmentLock | None) -> Bound | None:
    """What approvals of a plan are bound to; None when it has no tree.

    Args:
        found: the plan.
        main: what people wrote on `main`.
        lock: what that comes to, be it held or not: it is not of the pull request. None when it comes to nothing.
    """
    if found.tree is None or found.desired is None:
        return None
    lines = (f"{one.application} {one.digest}\n" for one in fresh(lock or found.prior, found.desired.lock))
    packages = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:32]
    return Bound(found.tree, diff_of(main, found.snapshot), packages)


def planned_of(found: Plan, branches: Branches, main: EnvironmentLock | None) -> Planned | None:
    """A plan as its branch is to hold it; None when it has no tree.

    Args:
        found: the plan.
        branches: the Environment's, upon which it was made.
        main: what `main` comes to without it, be it held or not; None when it comes to nothing.
    """
    if found.tree is None or found.desired is None:
        return None
    lock, changes = found.desired.lock, changes_of(branches.wanted_files(), found.snapshot)
    new = brought(found.prior, main, lock)
    return Planned(found.tree, lock, input_of(found.snapshot), changes, new, branches.head(RESOLVED))


def holds(snapshot: Snapshot, changes: Mapping[str, str]) -> bool:
    """Whether what people wrote has some changes (as `changes_of` tells them), by whatever route they came."""
    return all(content_of(name, snapshot) == new for name, new in changes.items())


def reviewed(branches: Branches, snapshot: Snapshot, others: Callable[[], AbstractSet[int]]) -> tuple[Brought, ...]:
    """What people reviewed of what they wrote, in plans: its versions stay what they were.

    Args:
        branches: the Environment's.
        snapshot: what people wrote on `main`, or would have there.
        others: asks for the pull requests that are no part of that, since they are open, whatever they hold.
    """
    written, every = input_of(snapshot), _plans(branches, snapshot)
    plans = {number: found for number, found in every.items() if holds(snapshot, found.changes)}
    apart = others() if plans else frozenset[int]()
    # What holds more comes after what it holds too, as where one pull request is made upon another.
    order = sorted(plans.keys() - apart, key=lambda number: (len(plans[number].changes), number))
    counted = [plans[number] for number in order]
    return (*chain.from_iterable(one.brought for one in counted), *_whole(branches, written, counted))


def as_planned(branches: Branches, main: Snapshot) -> tuple[Brought, ...]:
    """All of a plan that was made of just what people wrote on `main`, upon what is resolved: of an open pull request too.

    The forge may learn a moment after the push that it was merged.
    """
    return _whole(branches, input_of(main), list(_plans(branches, main).values()))


def _plans(branches: Branches, snapshot: Snapshot) -> Mapping[int, Planned]:
    """The plans that may count for what people wrote, by number: none when it is resolved, since nothing is to come then."""
    if input_of(snapshot) == branches.digest_of_resolved():
        return {}
    return {number: found for number in sorted(branches.plans) if (found := branches.plan(number))}


def _whole(branches: Branches, written: str, plans: Sequence[Planned]) -> tuple[Brought, ...]:
    """All of the last of some plans that was made of just this, upon what is resolved."""
    found = [one for one in plans if (one.input, one.upon) == (written, branches.head(RESOLVED))]
    return all_of(branches.lock(), found[-1].lock) if found else ()


def restores(found: Plan, branches: Branches) -> bool:
    """Whether a pull request takes `main` back to what is admitted, or to what installs nothing."""
    if found.desired is None:
        return False
    same = input_of(found.snapshot) == branches.digest_of_resolved() or found.tree == branches.tree(RESOLVED)
    return same or (branches.head(RESOLVED) is None and not found.desired.lock.packages)


def merged(repository: Repository, ref: str) -> Snapshot:
    """What people wrote, with a branch or a pull request merged into `main`.

    Args:
        repository: with its history; it is asked and fetched here.
        ref: a branch, `pull/<n>`, or `main` itself.

    Raises:
        Missing: there is no such branch.
        Fault: the repository could not be read.
    """
    heads = repository.heads()
    full = ref_of(ref)
    for name in (MAIN, full):
        if name not in heads:
            raise Missing(f"{repository.name} has no {name}", "name a branch, or pull/<number>")
    repository.fetch({name: heads[name] for name in (MAIN, full)})
    return repository.merge(heads[MAIN], heads[full], WANTED)


def from_folder(folder: Path) -> Snapshot:
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
