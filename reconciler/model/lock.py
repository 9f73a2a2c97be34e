"""The lock, `environment.lock.yaml` on `resolved`: the resolved packages, pinned by digest, with their trust evidence."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from reconciler.model.base import ApplicationName, ClusterName, Digest, Model
from reconciler.model.canonical import digest_of, release_spec_digest
from reconciler.model.trust import PredicateType

if TYPE_CHECKING:
    from collections.abc import Mapping

# A Namespace: its cluster and its name. The Environment's fluxNamespace is one as well: Flux has one source in each.
ClusterNamespace = tuple[str, str]


class ChartPin(Model):
    """The chart's layer in the artifact."""

    digest: Digest
    media_type: str


class Requirer(Model):
    """Requirement on a package: the requiring Application, the version range, and the file (`in`) that states it."""

    application: str
    range: str
    in_: Annotated[str, Field(alias="in")]


class AttestationEvidence(Model):
    """Attestation required by a policy: the authority that signed it, and the digest of the attestation's own manifest."""

    predicate_type: PredicateType
    authority: str
    signature: Digest


class TrustEvidence(Model):
    """Evidence that the artifact satisfies one TrustPolicy, sufficient to verify it again with cosign alone.

    `policy` is the policy's name, `policyDigest` the digest over its document and the trusted roots it names, `signature` the
    digest of the signature's own manifest.
    """

    policy: str
    policy_digest: Digest
    authority: str
    signature: Digest
    attestations: list[AttestationEvidence] = []


class Package(Model):
    """Resolved Application.

    `entry` is a digest over the desired state on the clusters (artifact, values, dependsOn, placements, suspend) and over
    nothing else: readiness is bound to it. `evidence` has one entry for each policy that covers the artifact.
    """

    application: ApplicationName
    blueprint: str
    version: str
    artifact: str
    chart: ChartPin
    placements: list[ClusterName]
    depends_on: list[str] = []
    required_by: list[Requirer] = []
    evidence: Annotated[list[TrustEvidence], Field(min_length=1)]
    values: dict[str, Any] = {}
    suspend: bool = False
    entry: Digest

    @property
    def digest(self) -> str:
        """The artifact's manifest digest."""
        return self.artifact.rpartition("@")[2]

    @property
    def release_spec(self) -> dict[str, Any]:
        """The fields of its HelmRelease's spec that determine the running workload. They must be on the cluster unchanged."""
        return {
            "releaseName": self.application,
            "targetNamespace": self.application,
            "chartRef": {"kind": "OCIRepository", "name": self.application},
            "values": self.values,
        }

    @cached_property
    def spec_digest(self) -> str:
        """The digest over `release_spec` (`model.canonical.release_spec_digest`). Cached, because every pass compares it."""
        return release_spec_digest(self.release_spec)


class LockMetadata(Model):
    """`metadata` of a lock: the Environment's name."""

    name: str


class EnvironmentLock(Model):
    """All resolved packages of an Environment, sorted by Application, without timestamps: equal inputs give equal bytes."""

    api_version: Literal["catalyst.openova.io/v1alpha1"] = "catalyst.openova.io/v1alpha1"
    kind: Literal["EnvironmentLock"] = "EnvironmentLock"
    metadata: LockMetadata
    flux_namespace: str = "flux-system"
    packages: list[Package] = []


def entry_digest(package: Mapping[str, Any]) -> str:
    """Returns the digest over a package's desired state on the clusters. Evidence and requirers are not part of it."""
    return digest_of({k: package[k] for k in ("artifact", "values", "depends_on", "placements", "suspend")})


def packages_of(lock: EnvironmentLock | None) -> Mapping[str, Package]:
    """Returns the packages of a lock by Application; an empty mapping without a lock."""
    return {p.application: p for p in lock.packages} if lock else {}
