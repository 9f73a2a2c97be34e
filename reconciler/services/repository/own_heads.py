"""Tells the commits of `resolved` and `status` that the reconciler made from those that somebody else put there.

That is known by their signature, where commits are signed, and by the trailers of a commit, the digest of its lock, and what
`status` names. Without signatures, whoever may push to both branches and copies all of that is not told apart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml import documents
from reconciler.model.errors import ConcurrentUpdateError, ReconcilerError, UnavailableError
from reconciler.model.git import OWN_LIMITS
from reconciler.model.layout import LOCK_FILE, RESOLVED, STATUS_FILE
from reconciler.model.plain_data import mapping
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


def _environment(content: bytes | None, file: str) -> object:
    """Returns the name of the Environment that a lock or a status is of: one key may sign the commits of several."""
    source = documents.load(content or b"", file, max_bytes=OWN_LIMITS.file, max_parts=documents.MAX_OWN_PARTS)
    return mapping(mapping(source.data).get("metadata")).get("name")


@dataclass(frozen=True)
class KnownHead:
    """What is known of a branch before its head is looked at.

    Attributes:
        commit: the newest own commit that is known of, by this process or by `status`.
        since: when it existed already, in seconds since the epoch; 0 when that is not known.
        environment: the Environment's name by its status; None where that is not known, or `status` is the branch.
        adopt: whether its head is own without a signature (`services.repository.adoption`).
    """

    commit: str | None
    since: int
    environment: str | None
    adopt: bool


class OwnHeads:
    """Finds the own commit that stands for a branch.

    Args:
        repository: the Environment's repository.
    """

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository

    def find(self, branch: str, server: str | None, known: KnownHead, fault: ReconcilerError | None) -> str | None:
        """The newest own commit of `resolved` or `status`, in the clone; None when there is none.

        Args:
            branch: the branch.
            server: its head on the server; None when it does not exist there.
            known: what is known of it.
            fault: why the head cannot be fetched; None when it was.

        Raises:
            ReconcilerError: `fault`, where no other commit stands for the branch; or the server cannot be read.
        """
        if server == known.commit or (server is not None and fault is None and self._is_own(branch, server, known)):
            return server
        if known.commit is not None and self._repository.fetch_commit(known.commit):
            return known.commit
        if fault is not None:
            raise fault
        return None

    def _is_own(self, branch: str, id_: str, known: KnownHead) -> bool:
        """Whether a head is an own commit of this Environment, and not older than the newest one that is known of."""
        try:
            commit = self._repository.commit_of(id_)
            is_own = self._repository.has_own_committer(commit) if known.adopt else self._repository.is_own_commit(commit)
            if not is_own:
                return False
            file = LOCK_FILE if branch == RESOLVED else STATUS_FILE
            content = self._file(id_, file)
        except (ConcurrentUpdateError, UnavailableError):
            raise
        except ReconcilerError:  # the commit or its files are not as the reconciler writes them
            return False
        is_own = is_own_lock(commit, content) if branch == RESOLVED else is_own_status(commit, content)
        if not is_own or known.commit is None or known.commit in commit.parents:
            return is_own
        is_known_here = self._repository.fetch_commit(known.commit)
        environment = known.environment or (_environment(self._file(known.commit, file), file) if is_known_here else None)
        if environment is not None and _environment(content, file) != environment:
            return False
        if not is_known_here:
            return commit.time > known.since
        is_newer = commit.time >= self._repository.commit_of(known.commit).time
        return is_newer and not self._repository.is_ancestor(known.commit, id_)

    def _file(self, commit: str, file: str) -> bytes | None:
        return self._repository.read(commit, (file,), limits=OWN_LIMITS).files.get(file)
