"""Verifies again whether the locked artifacts are trusted. Results that the catalog has cached cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.blocker import keep_first_wording, unavailable
from reconciler.domain.catalog import ExcludedVersion
from reconciler.domain.trust.lock_trust import LockTrust
from reconciler.model.artifact import parse_artifact
from reconciler.model.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.domain.blocker import Unavailable
    from reconciler.domain.catalog import Catalog, VerifiedBlueprint
    from reconciler.model.lock import EnvironmentLock, Package


class LockReverifier:
    """The trust of one Environment's lock, from fetch to fetch.

    Attributes:
        trust: the trust, as last verified.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._policy_digest = ""
        self._is_blind = False
        self.trust = LockTrust()

    def policies_changed(self, under: str) -> bool:
        """Whether the policies differ from those of the last verification."""
        return under != self._policy_digest

    def reverify(self, lock: EnvironmentLock, under: str) -> None:
        """Verify every locked artifact. Never raises a ReconcilerError: an artifact that cannot be verified gets no result.

        Args:
            lock: the lock.
            under: the digest of the current policies.
        """
        applications: dict[str, tuple[str, ...]] = {}
        results: dict[str, VerifiedBlueprint | ExcludedVersion] = {}
        errors: dict[str, ReconcilerError] = {}
        for package in lock.packages:
            applications[package.artifact] = (*applications.get(package.artifact, ()), package.application)
            if package.artifact not in results and package.artifact not in errors:
                try:
                    results[package.artifact] = self._verify(package)
                except ReconcilerError as error:  # others may be on other registries, or cached
                    errors[package.artifact] = error
        first = next(iter(errors.values()), None)
        self.trust = LockTrust(results, applications, None if first is None else self._failure(first, blind=False))
        self._policy_digest, self._is_blind = under, False

    def mark_unverifiable(self, error: ReconcilerError) -> None:
        """Record that no artifact can be verified, because the policies cannot be read."""
        self.trust = LockTrust(fault=self._failure(error, blind=True))
        self._policy_digest, self._is_blind = "", True

    def _verify(self, package: Package) -> VerifiedBlueprint | ExcludedVersion:
        location = parse_artifact(package)
        if location is None:
            return ExcludedVersion(package.version, "Untrusted", f"{package.artifact!r} is not an artifact reference")
        return self._catalog.get(location[0].rpartition("/")[0], package.blueprint, package.version, package.digest)

    def _failure(self, error: ReconcilerError, *, blind: bool) -> Unavailable:
        """The blocker of an error, in the wording of the first one of its kind."""
        return keep_first_wording(self.trust.fault if blind == self._is_blind else None, unavailable("Trusted", error))
