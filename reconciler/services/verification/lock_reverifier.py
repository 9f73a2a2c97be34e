"""Looking whether what is locked is still trusted; what a catalog knows already costs nothing."""

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
    """The standing of one Environment's lock, from look to look."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._under = ""
        self._blind = False
        self.standing = LockTrust()

    def policies_changed(self, under: str) -> bool:
        """Whether the policies are others than at the last look."""
        return under != self._under

    def reverify(self, lock: EnvironmentLock, under: str) -> None:
        """Ask of every locked artifact. Never raises a ReconcilerError: what could not be told is said of no artifact.

        Args:
            lock: what is locked.
            under: the digest of the policies that it is held against.
        """
        names: dict[str, tuple[str, ...]] = {}
        answers: dict[str, VerifiedBlueprint | ExcludedVersion] = {}
        faults: dict[str, ReconcilerError] = {}
        for package in lock.packages:
            names[package.artifact] = (*names.get(package.artifact, ()), package.application)
            if package.artifact not in answers and package.artifact not in faults:
                try:
                    answers[package.artifact] = self._asked(package)
                except ReconcilerError as fault:  # others may be elsewhere, or known
                    faults[package.artifact] = fault
        error = next(iter(faults.values()), None)
        self.standing = LockTrust(answers, names, None if error is None else self._failure(error, blind=False))
        self._under, self._blind = under, False

    def mark_unverifiable(self, error: ReconcilerError) -> None:
        """Nothing can be asked at all: the policies cannot be read."""
        self.standing = LockTrust(fault=self._failure(error, blind=True))
        self._under, self._blind = "", True

    def _asked(self, package: Package) -> VerifiedBlueprint | ExcludedVersion:
        place = parse_artifact(package)
        if place is None:
            return ExcludedVersion(package.version, "Untrusted", f"{package.artifact!r} is no artifact")
        return self._catalog.get(place[0].rpartition("/")[0], package.blueprint, package.version, package.digest)

    def _failure(self, error: ReconcilerError, *, blind: bool) -> Unavailable:
        return keep_first_wording(self.standing.fault if blind == self._blind else None, unavailable("Trusted", error))
