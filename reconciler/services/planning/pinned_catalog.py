"""The catalog narrowed to the versions that a status names: for deciding where the lock itself is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.catalog import Catalog, ExcludedVersion, VerifiedBlueprint
    from reconciler.model.status import EnvironmentStatus


class PinnedCatalog:
    """Implements `domain.catalog.Catalog`.

    A version that a status names is the only one of its Blueprint; a Blueprint that it does not name has all its versions.

    Args:
        catalog: the whole catalog.
        status: the last status, of a lock that is lost.
    """

    def __init__(self, catalog: Catalog, status: EnvironmentStatus) -> None:
        self._catalog = catalog
        self._pins: dict[str, dict[str, str]] = {}
        for application in status.applications:
            self._pins.setdefault(application.blueprint, {})[application.version] = application.digest

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """The pinned versions of a Blueprint in each catalog that has one; all its versions where none has."""
        listed, pinned = self._catalog.find(name), self._pins.get(name, {})
        narrowed = {catalog: [version for version in versions if version in pinned] for catalog, versions in listed.items()}
        return {catalog: versions for catalog, versions in narrowed.items() if versions} or listed

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """One version of a Blueprint; a pinned one at the digest that was installed."""
        return self._catalog.get(catalog, name, version, digest or self._pins.get(name, {}).get(version))
