"""The Sovereign's policies, of trust and of Environments, from a directory or from its system repository."""

from __future__ import annotations

import threading
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from reconciler.decide.policies import EnvironmentPolicies, InvalidPolicy, environment_policies
from reconciler.decide.shape import parse_document
from reconciler.decide.trust import TrustPolicies
from reconciler.loop.branches import MAIN
from reconciler.model.faults import ConfigurationError, ReconcilerError, UnavailableError
from reconciler.model.trust import TrustPolicy
from reconciler.world.documents import load_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from reconciler.model.problem import Problem
    from reconciler.model.trust import Authority
    from reconciler.world.git import Repository, Snapshot

FOLDER: Final = "trust"  # in the system repository
ENVIRONMENTS: Final = "policies"  # beside it
MAX_ROOT: Final = 1 << 20  # bytes of a trusted root; Sigstore's own has seven thousand
_ROOT: Final = ".json"
_READ: Final = frozenset({".yaml", ".yml", _ROOT})

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
        repository: Repository,
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


def trust_policies_at(snapshot: Snapshot) -> TrustPolicies | ConfigurationError:
    """The trust policies in the folder `trust` of a commit, or why they cannot be used."""
    if snapshot.problems:
        return ConfigurationError("\n".join(str(p) for p in snapshot.problems))
    try:
        files = {PurePosixPath(path): text for path, text in snapshot.files.items()}
        return parse_trust_policies({path.name: text for path, text in files.items() if path.suffix in _READ})
    except ConfigurationError as fault:
        return fault


def read_policies(directory: Path) -> TrustPolicies:
    """The policies of a directory: every `*.yaml`, and the trusted roots that they name.

    Raises:
        ConfigurationError: as `parse_trust_policies`; or a file cannot be read.
    """
    try:
        return parse_trust_policies({file.name: file.read_bytes() for file in _files(directory)})
    except OSError as error:
        raise ConfigurationError(f"the trust policies in {directory} cannot be read: {error.strerror}") from None


def read_environment_policies(directory: Path) -> EnvironmentPolicies:
    """The EnvironmentPolicy documents of a directory: every `*.yaml`. Raises Misconfigured when a file cannot be read."""
    try:
        files = {file.name: file.read_bytes() for file in _files(directory)}
    except OSError as error:
        raise ConfigurationError(f"the policies in {directory} cannot be read: {error.strerror}") from None
    return _environment_policies(files)


def environment_policies_at(snapshot: Snapshot) -> EnvironmentPolicies:
    """The EnvironmentPolicy documents in the folder `policies` of a commit. What is no plain file holds all Environments."""
    found = _environment_policies(snapshot.files)
    odd = (InvalidPolicy((problem,)) for problem in snapshot.problems)
    return EnvironmentPolicies(found.policies, (*found.broken, *odd))


def _environment_policies(files: Mapping[str, bytes]) -> EnvironmentPolicies:
    texts = ((name, text) for name, text in sorted(files.items()) if name.endswith((".yaml", ".yml")))
    return environment_policies(source for name, text in texts for source in load_all(text, name))


def parse_trust_policies(files: Mapping[str, bytes]) -> TrustPolicies:
    """The policies in some files, by name.

    Raises:
        ConfigurationError: a document is not a TrustPolicy, a name is given twice, one authority's name stands for two signers,
            or a trusted root is not there. A broken policy stops new decisions rather than widening them.
    """
    policies: list[TrustPolicy] = []
    problems: list[Problem] = []
    for name, text in sorted(files.items()):
        if name.endswith(_ROOT):
            continue
        for source in load_all(text, name):
            policy, found = parse_document(source, TrustPolicy)
            problems.extend(found)
            if policy is not None:
                policies.append(policy)
                problems.extend(
                    source.problem("MissingFile", f"there is no {root} beside the policies", ("spec", "authorities"))
                    for root in _roots(policy)
                    if root not in files
                )
    if problems:
        raise ConfigurationError("\n".join(str(p) for p in problems))
    _check_names(policies)
    return TrustPolicies(tuple(policies), {root: _text(root, files[root]) for policy in policies for root in _roots(policy)})


def _check_names(policies: list[TrustPolicy]) -> None:
    names = [p.metadata.name for p in policies]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"there are two trust policies {name}", "give each a name of its own")
    known: dict[str, Authority] = {}
    for authority in (a for p in policies for a in p.spec.authorities):
        if known.setdefault(authority.name, authority) != authority:
            hint = "give each signer a name of its own"
            raise ConfigurationError(f"the authority {authority.name} stands for two different signers", hint)


def _roots(policy: TrustPolicy) -> Iterator[str]:
    return (a.keyless.trusted_root for a in policy.spec.authorities if a.keyless is not None)


def _text(name: str, content: bytes) -> str:
    try:
        if len(content) <= MAX_ROOT:
            return content.decode()
    except UnicodeDecodeError:
        pass
    raise ConfigurationError(f"the trusted root {name} is larger than {MAX_ROOT} bytes, or no text")


def _files(directory: Path) -> list[Path]:
    """The files that hold policies and trusted roots; half-written ones have other names."""
    return sorted(p for p in directory.iterdir() if p.suffix in _READ)


def _fingerprint(directory: Path) -> object:
    try:
        found = [(file.name, file.stat()) for file in _files(directory)]
        return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found]
    except OSError as error:
        raise ConfigurationError(f"the trust policies in {directory} cannot be read: {error.strerror}") from None
