"""The Sovereign's TrustPolicy documents, from a directory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from reconciler.decide.shape import shape
from reconciler.decide.trust import Policies
from reconciler.model.faults import Misconfigured
from reconciler.model.trust import TrustPolicy
from reconciler.world.documents import load_all

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.problem import Problem


class PolicyFiles:
    """The policies of a directory, read again whenever a file in it changed. Safe for use by several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: tuple[object, Policies] | None = None

    def __call__(self) -> Policies:
        """The policies as they stand now; raises Misconfigured as `read_policies` does."""
        with self._lock:
            print_ = _fingerprint(self._directory)
            if self._known is None or self._known[0] != print_:
                self._known = (print_, read_policies(self._directory))
            return self._known[1]


def _files(directory: Path) -> list[Path]:
    """The files that hold policies; half-written ones have other names."""
    return sorted(p for p in directory.iterdir() if p.suffix in {".yaml", ".yml"})


def _fingerprint(directory: Path) -> object:
    try:
        found = [(file.name, file.stat()) for file in _files(directory)]
        return [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found]
    except OSError as error:
        raise Misconfigured(f"the trust policies in {directory} cannot be read: {error.strerror}") from None


def read_policies(directory: Path) -> Policies:
    """Read every `*.yaml` of a directory.

    Raises:
        Misconfigured: a file is not a TrustPolicy, or one authority name stands for two keys. A broken policy stops new
            decisions rather than widening them.
    """
    policies: list[TrustPolicy] = []
    problems: list[Problem] = []
    try:
        texts = [(file, file.read_bytes()) for file in _files(directory)]
    except OSError as error:
        raise Misconfigured(f"the trust policies in {directory} cannot be read: {error.strerror}") from None
    for file, text in texts:
        for source in load_all(text, file.name):
            policy, found = shape(source, TrustPolicy)
            problems.extend(found)
            if policy is not None:
                policies.append(policy)
    if problems:
        raise Misconfigured("\n".join(str(p) for p in problems))
    keys: dict[str, str] = {}
    for authority in (a for p in policies for a in p.spec.authorities):
        if keys.setdefault(authority.name, authority.key) != authority.key:
            raise Misconfigured(f"the authority {authority.name} has two different keys", "give each key a name of its own")
    return Policies(tuple(policies))
