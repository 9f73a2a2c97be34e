"""Sources of the Sovereign's trust policies and EnvironmentPolicies: a directory, or its system repository."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from reconciler.model.errors import ConfigurationError, ReconcilerError, UnavailableError
from reconciler.model.layout import MAIN
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.services.policies.policy_folder import entries, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.model.git import Snapshot
    from reconciler.services.repository.ports import GitRepository

log = structlog.get_logger()

T = TypeVar("T")


class DirectoryPolicySource(Generic[T]):
    """The policies of a directory, read again whenever a file in it changed. Safe for use by several threads.

    Args:
        directory: the directory. Without its marker file it is not mounted, and nothing in it counts.
        read: reads the policies in it, given those that were last read; raises a ConfigurationError.
    """

    def __init__(self, directory: Path, read: Callable[[Path, T | None], T]) -> None:
        self._directory, self._read = directory, read
        self._lock = threading.Lock()
        self._cached: tuple[object, T] | None = None

    def __call__(self) -> T:
        """The current policies.

        Raises:
            ConfigurationError: they cannot be read or parsed, one is missing that was there before, or the directory is not
                mounted.
        """
        with self._lock:
            fingerprint = _fingerprint(self._directory)
            if self._cached is None or self._cached[0] != fingerprint:
                self._cached = (fingerprint, self._read(self._directory, self._cached[1] if self._cached else None))
            return self._cached[1]


class GitPolicySource(Generic[T]):
    """The policies in a folder at the head of a repository's `main`, which authors of Environments cannot write.

    Safe for use by several threads: one of them refreshes, the others continue with the cached policies.

    Args:
        repository: the Sovereign's system repository.
        folder: the folder, at the top of the repository.
        read: parses the folder's files, given the policies last parsed, or returns the error that makes them unusable.
        every: seconds between refreshes.
        max_staleness: seconds for which the cached policies count while the repository cannot be read.
    """

    def __init__(
        self,
        repository: GitRepository,
        folder: str,
        read: Callable[[Snapshot, T | None], T | ConfigurationError],
        *,
        every: float,
        max_staleness: float,
    ) -> None:
        self._repository, self._folder, self._parse = repository, folder, read
        self._every, self._max_staleness = every, max_staleness
        self._lock = threading.Lock()
        self._head = ""
        self._cached: T | ConfigurationError | None = None
        self._last: T | None = None
        self._fault: ReconcilerError | None = None
        self._refreshed = self._attempted = self._requested = 0.0

    def request_refresh(self) -> None:
        """Force a refresh before the next call returns. Called when the system repository receives a push."""
        self._requested = time.monotonic()

    @property
    def head(self) -> str:
        """The commit of the cached policies; empty when there is none."""
        return self._head

    def __call__(self) -> T:
        """The policies as of the last refresh.

        Raises:
            ConfigurationError: they are invalid (`parse_trust_policies`), or there is no branch `main`.
            ReconcilerError: the repository could not be read for longer than `max_staleness`, or never.
        """
        if self._lock.acquire(blocking=self._cached is None or self._attempted <= self._requested):
            try:
                self._refresh()
            finally:
                self._lock.release()
        cached, fault = self._cached, self._fault
        if fault is not None and (cached is None or time.monotonic() - self._refreshed > self._max_staleness):
            raise fault.with_traceback(None)
        if cached is None or isinstance(cached, ConfigurationError):
            raise (cached or UnavailableError("the policies have not been read yet")).with_traceback(None)
        return cached

    def _refresh(self) -> None:
        """Read the head of `main`, unless the last attempt is recent enough. Keeps the fault instead of raising it."""
        now = time.monotonic()
        if self._attempted > self._requested and now - self._attempted < self._every:
            return
        try:
            self._read_head()
        except ReconcilerError as error:  # also ConcurrentUpdateError: somebody pushed during the fetch
            self._fault = error
            log.warning("policies cannot be refreshed", folder=self._folder, why=str(error))
        else:
            self._fault, self._refreshed = None, now
        finally:
            self._attempted = now

    def _read_head(self) -> None:
        head = self._repository.heads().get(MAIN)
        if head is None:
            self._head, self._cached = "", ConfigurationError(f"{self._repository.name} has no branch {MAIN} with policies")
        elif head != self._head:
            self._repository.fetch({MAIN: head})
            snapshot = self._repository.read(head, [f"{self._folder}/*"])
            parsed = self._parse(snapshot, self._last)
            if not isinstance(parsed, ConfigurationError):
                self._last = parsed
            self._head, self._cached = head, parsed


def _fingerprint(directory: Path) -> object:
    """What tells a change of a directory. Raises ConfigurationError when it is not mounted, or cannot be read."""
    try:
        stats = {file.name: file.stat() for file in entries(directory)}
    except OSError as error:
        raise unreadable(directory, error) from None
    if MARKER_FILE not in stats:
        hint = f"mount it; or, if these are all its policies, create the empty file {MARKER_FILE} in it"
        raise ConfigurationError(f"the folder {directory} has no {MARKER_FILE}: it is not taken for the folder of policies", hint)
    return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats.items()]
