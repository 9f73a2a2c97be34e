"""The Catalog: the only interface through which decisions read what can be installed.

It returns Blueprints by digest, and only those whose signature was verified under the Sovereign's trust policies. An
implementation may raise a `model.errors.ReconcilerError` when it is temporarily unable to answer; that ends the pass without a
decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.blueprints.helm_chart import HelmChart
    from reconciler.model.blueprint import Blueprint
    from reconciler.model.lock import ChartPin, TrustEvidence


@dataclass(frozen=True)
class VerifiedBlueprint:
    """A Blueprint whose signature was verified.

    Attributes:
        blueprint: its document; name and version agree with the reference, the tag and the chart.
        artifact: `oci://host/repository@sha256:...`.
        chart: the chart's layer.
        evidence: the trust evidence, one for each policy that covers it.
        warnings: peculiarities of the artifact, in sentences.
        values_chart: its chart with values and schema, if it or a subchart has a schema of its values; None otherwise.
    """

    blueprint: Blueprint
    artifact: str
    chart: ChartPin
    evidence: list[TrustEvidence]
    warnings: tuple[str, ...] = ()
    values_chart: HelmChart | None = None


@dataclass(frozen=True)
class ExcludedVersion:
    """A version that exists and may not be used.

    Attributes:
        version: the version.
        code: `Untrusted`, `InvalidBlueprint`, or `Gone` when its catalog no longer has it.
        reason: why, in one sentence without the version.
    """

    version: str
    code: str
    reason: str


class Catalog(Protocol):
    """All configured catalogs of the Sovereign, as one."""

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """Returns the versions of a Blueprint in each catalog that has it, by the catalog's prefix, in any order."""

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """Returns one version of a Blueprint.

        Args:
            catalog: a prefix that `find` returned.
            name: the Blueprint's full name.
            version: the version.
            digest: the artifact's digest if it is already decided, e.g. locked; None to resolve the tag.
        """


class CatalogOfDecision:
    """A catalog as it is during one decision: each name is listed, and each version fetched, at most once.

    A decision asks for the same names again and again, and a catalog's own cache may be shorter than a decision takes: 120
    unknown names could be 14,400 requests.

    Args:
        catalog: the catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._listings: dict[str, Mapping[str, Sequence[str]]] = {}
        self._entries: dict[tuple[str, str, str, str | None], VerifiedBlueprint | ExcludedVersion] = {}

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """Returns what the catalog's `find` returned first."""
        if name not in self._listings:
            self._listings[name] = self._catalog.find(name)
        return self._listings[name]

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """Returns what the catalog's `get` returned first."""
        key = (catalog, name, version, digest)
        if key not in self._entries:
            self._entries[key] = self._catalog.get(*key)
        return self._entries[key]
