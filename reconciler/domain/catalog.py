"""The Catalog: the one seam through which decisions learn what can be installed.

It hands out Blueprints by digest, and only those whose signature held under the Sovereign's trust policies. Whoever
implements it may raise a `model.faults.ReconcilerError` for "I cannot tell now"; that ends the pass without a decision.
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
    """A Blueprint whose signature held.

    Attributes:
        blueprint: its document; name and version agree with the reference, the tag and the chart.
        artifact: `oci://host/repository@sha256:...`.
        chart: the chart's layer.
        evidence: why it was trusted, by each policy that covers it.
        warnings: what was odd about it, in sentences.
        values_chart: its chart with values and schema, when it or a chart inside says what values it takes; None otherwise.
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
        version: which.
        code: `Untrusted`, `InvalidBlueprint`, or `Gone` when its catalog has it no more.
        reason: why, in one sentence without the version.
    """

    version: str
    code: str
    reason: str


class Catalog(Protocol):
    """All catalogs that the Sovereign configured, seen as one."""

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """The catalogs (by their prefix) that have a Blueprint, and its versions there, in any order."""

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """One version of a Blueprint.

        Args:
            catalog: a prefix, as `find` named it.
            name: the Blueprint's full name.
            version: which.
            digest: the artifact's digest when it was decided before; None to ask what the tag points at.
        """
