"""The Sovereign's policies, of trust and of Environments, from a directory or from its system repository."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from reconciler.model.errors import ConfigurationError, ReconcilerError, UnavailableError
from reconciler.model.layout import MAIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.model.git import Snapshot
    from reconciler.services.repository.ports import GitRepository

ROOT_SUFFIX: Final = ".json"

POLICY_SUFFIXES: Final = frozenset({".yaml", ".yml", ROOT_SUFFIX})

log = structlog.get_logger()

T = TypeVar("T")


class DirectoryPolicySource(Generic[T]):
    """The policies of a directory, read again whenever a file in it changed. Safe for use by several threads."""

    def __init__(self, directory: Path, read: Callable[[Path], T]) -> None:
        self._directory, self._read = directory, read
        self._lock = threading.Lock()
        self._known: tuple[object, T] | None = None

    def __call__(self) -> T:
        """The policies as they stand now; raises Misconfigured as what reads them does."""
        with self._lock:
            print_ = _fingerprint(self._directory)
            if self._known is None or self._known[0] != print_:
                self._known = (print_, self._read(self._directory))
            return self._known[1]


class GitPolicySource(Generic[T]):
    """The policies in a folder at the head of a repository's `main`, which Environments' authors cannot write.

    Safe for use by several threads: one of them looks, the others go on with what is known.

    Args:
        repository: the Sovereign's system repository.
        folder: at its top.
        read: makes policies of what is in it, or says why they cannot be used.
        every: seconds between looks.
        stands: seconds for which what is known counts while the repository cannot be read.
    """

    def __init__(
        self,
        repository: GitRepository,
        folder: str,
        read: Callable[[Snapshot], T | ConfigurationError],
        *,
        every: float,
        max_staleness: float,
    ) -> None:
        self._repository, self._folder, self._reads = repository, folder, read
        self._every, self._max_staleness = every, max_staleness
        self._lock = threading.Lock()
        self._head = ""
        self._known: T | ConfigurationError | None = None
        self._fault: ReconcilerError | None = None
        self._looked = self._tried = self._asked = 0.0

    def request_refresh(self) -> None:
        """Have the next call look, and every call wait for that look: somebody pushed there."""
        self._asked = time.monotonic()

    @property
    def head(self) -> str:
        """The commit that what is known was read from; empty when there is none."""
        return self._head

    def __call__(self) -> T:
        """The policies as they stood at the last look.

        Raises:
            ConfigurationError: they cannot be used (`parse_trust_policies`), or there is no such branch.
            ReconcilerError: the repository could not be read for longer than what was known then counts, or never.
        """
        if self._lock.acquire(blocking=self._known is None or self._tried <= self._asked):
            try:
                self._look()
            finally:
                self._lock.release()
        known, fault = self._known, self._fault
        if fault is not None and (known is None or time.monotonic() - self._looked > self._max_staleness):
            raise fault.with_traceback(None)
        if known is None or isinstance(known, ConfigurationError):
            raise (known or UnavailableError("the policies were not read yet")).with_traceback(None)
        return known

    def _look(self) -> None:
        now = time.monotonic()
        if self._tried > self._asked and now - self._tried < self._every:
            return
        try:
            self._read()
        except ReconcilerError as fault:  # Moved among them: somebody pushed meanwhile
            self._fault = fault
            log.warning("policies cannot be looked at", folder=self._folder, why=str(fault))
        else:
            self._fault, self._looked = None, now
        finally:
            self._tried = now

    def _read(self) -> None:
        head = self._repository.heads().get(MAIN)
        if head is None:
            self._head, self._known = "", ConfigurationError(f"{self._repository.name} has no branch {MAIN} with policies")
        elif head != self._head:
            self._repository.fetch({MAIN: head})
            snapshot = self._repository.read(head, [f"{self._folder}/*"])
            self._head, self._known = head, self._reads(snapshot)


def policy_files(directory: Path) -> list[Path]:
    """The files that hold policies and trusted roots; half-written ones have other names."""
    return sorted(p for p in directory.iterdir() if p.suffix in POLICY_SUFFIXES)


def _fingerprint(directory: Path) -> object:
    try:
        found = [(file.name, file.stat()) for file in policy_files(directory)]
        return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found]
    except OSError as error:
        raise ConfigurationError(f"the trust policies in {directory} cannot be read: {error.strerror}") from None
