"""Tells the commits of `resolved` and `status` that the reconciler made from those that somebody else put there.

That is known by their signature, where commits are signed, and by the trailers of a commit, the digest of its lock, and what
`status` names. Without signatures, whoever may push to both branches and copies all of that is not told apart.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml import documents
from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError, UnavailableError
from reconciler.model.git import OWN_LIMITS
from reconciler.model.layout import LOCK_FILE, RESOLVED, STATUS_FILE
from reconciler.model.status import EnvironmentStatus
from reconciler.model.trailers import INPUT_COMMIT, LOCK_DIGEST, RESOLVED_COMMIT, trailer_values

if TYPE_CHECKING:
    from reconciler.model.git import Commit
    from reconciler.services.repository.ports import GitRepository


def is_own_lock(commit: Commit, lock: bytes | None) -> bool:
    """Whether the trailers of a commit of `resolved` name the commit of `main` it follows from, and its own lock file."""
    if lock is None or not trailer_values(commit, INPUT_COMMIT):
        return False
    return trailer_values(commit, LOCK_DIGEST)[-1:] == ["sha256:" + hashlib.sha256(lock).hexdigest()]


def is_own_status(commit: Commit, status: bytes | None) -> bool:
    """Whether the trailers of a commit of `status` name what its file names."""
    if status is None:
        return False
    source = documents.load(status, STATUS_FILE, max_bytes=OWN_LIMITS.file, max_parts=documents.MAX_OWN_PARTS)
    parsed, _ = parse_document(source, EnvironmentStatus)
    if parsed is None:
        return False
    inputs, resolved = trailer_values(commit, INPUT_COMMIT), trailer_values(commit, RESOLVED_COMMIT)
    return inputs[-1:] == [parsed.input] and resolved[-1:] == ([parsed.resolved] if parsed.resolved else [])


class OwnHeads:
    """Finds the own commit that stands for a branch.

    Args:
        repository: the Environment's repository.
    """

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository

    def find(
        self, branch: str, server: str | None, known: str | None, fault: ReconcilerError | None, *, since: int, adopt: bool
    ) -> str | None:
        """The newest own commit of `resolved` or `status`, in the clone; None when there is none.

        Args:
            branch: the branch.
            server: its head on the server; None when it does not exist there.
            known: the newest own commit that is known of, by this process or by `status`.
            fault: why the head cannot be fetched; None when it was.
            since: when `known` existed already, in seconds since the epoch; 0 when that is not known.
            adopt: whether the head is own without a signature (`services.repository.adoption`).

        Raises:
            ReconcilerError: `fault`, where no other commit stands for the branch; or the server cannot be read.
        """
        if server == known or (server is not None and fault is None and self._is_own(branch, server, known, since, adopt)):
            return server
        if known is not None and self._repository.fetch_commit(known):
            return known
        if fault is not None:
            raise fault
        return None

    def _is_own(self, branch: str, id_: str, known: str | None, since: int, adopt: bool) -> bool:  # noqa: FBT001
        """Whether a head is an own commit, and not one that is older than the newest one that is known of."""
        try:
            commit = self._repository.commit_of(id_)
            is_own = self._repository.has_own_committer(commit) if adopt else self._repository.is_own_commit(commit)
            if not is_own:
                return False
            file = LOCK_FILE if branch == RESOLVED else STATUS_FILE
            content = self._repository.read(id_, (file,), limits=OWN_LIMITS).files.get(file)
        except (ConcurrentUpdateError, UnavailableError):
            raise
        except ReconcilerError:  # the commit or its files are not as the reconciler writes them
            return False
        is_own = is_own_lock(commit, content) if branch == RESOLVED else is_own_status(commit, content)
        if not is_own or known is None or known in commit.parents:
            return is_own
        if not self._repository.fetch_commit(known):
            return commit.time > since
        return commit.time >= self._repository.commit_of(known).time and not self._repository.is_ancestor(known, id_)
