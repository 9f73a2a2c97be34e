"""What a key finds that signs the reconciler's commits from now on: heads without its signature, which it adopts once.

The commit that adopts one names it (`Adopted:`), and what is below it counts as it did before. A key that replaces another does
the same, so that the other one need not be accepted for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.layout import CONFIRMED, RESOLVED, STATUS
from reconciler.model.trailers import ADOPTED, trailer_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.git import Commit
    from reconciler.model.status import EnvironmentStatus
    from reconciler.services.repository.ports import GitRepository


def adoptable(repository: GitRepository, heads: Mapping[str, Commit], status: EnvironmentStatus | None) -> frozenset[str]:
    """Returns which of `resolved` and `status` may be adopted: while nothing is signed, and `status` names what `resolved` is at.

    Args:
        repository: their repository.
        heads: the heads of `resolved`, `status` and the confirmations, where they can be read.
        status: the status at the head of `status`.
    """
    signed = {branch for branch, commit in heads.items() if repository.is_own_commit(commit)}
    if status is None or STATUS not in heads or STATUS in signed:
        return frozenset()
    resolved = heads.get(RESOLVED)
    if resolved is None:
        return frozenset({STATUS}) if status.resolved is None and CONFIRMED not in signed else frozenset()
    if RESOLVED in signed:  # killed in between
        adopted = trailer_values(resolved, ADOPTED)
        return frozenset({STATUS}) if status.resolved in adopted else frozenset()
    agree = status.resolved in {resolved.id, *resolved.parents}  # killed between the two pushes of a pass
    return frozenset({RESOLVED, STATUS}) if agree and CONFIRMED not in signed else frozenset()


def own_history(repository: GitRepository, commits: Sequence[Commit], *, is_head_own: bool) -> tuple[Commit, ...]:
    """Returns the reconciler's own commits of a branch's history.

    Args:
        repository: their repository.
        commits: a commit and those before it by first parents, the newest first.
        is_head_own: whether the newest is known to be own, be it signed or about to be adopted.
    """
    own: list[Commit] = []
    adopted = {commits[0].id} if commits and is_head_own and not repository.is_own_commit(commits[0]) else set()
    is_adopted = False
    for commit in commits:
        is_adopted = is_adopted or commit.id in adopted
        if repository.is_own_commit(commit):
            adopted.update(trailer_values(commit, ADOPTED))
            own.append(commit)
        elif is_adopted and repository.has_own_committer(commit):
            own.append(commit)
    return tuple(own)
