"""`environment.lock.yaml` on the `resolved` branch: exactly what runs, pinned by digest, with the evidence for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from reconciler.model.base import ApplicationName, ClusterName, Digest, Model
from reconciler.model.canonical import digest_of, release_spec_digest
from reconciler.model.trust import PredicateType

if TYPE_CHECKING:
    from collections.abc import Mapping

# A Namespace: its cluster and its name. The Environment's fluxNamespace is one as well: Flux keeps one source in each.
ClusterNamespace = tuple[str, str]


class ChartPin(Model):
    """The chart's layer inside the artifact."""

    digest: Digest
    media_type: str


class Requirer(Model):
    """Who asked for a package: an Application, with which range, and the file where that was written."""

    application: str
    range: str
    in_: Annotated[str, Field(alias="in")]


class AttestationEvidence(Model):
    """An attestation that a policy asks for: by which authority, and the digest of the attestation's own manifest."""

    predicate_type: PredicateType
    authority: str
    signature: Digest


class TrustEvidence(Model):
    """Why one TrustPolicy holds for the artifact: enough to check it again with cosign alone.

    `policy` is its name, `policyDigest` that of its document and of the trusted roots it names, `signature` that of the
    signature's own manifest.
    """

    policy: str
    policy_digest: Digest
    authority: str
    signature: Digest
    attestations: list[AttestationEvidence] = []


class Package(Model):
    """One Application, resolved.

    `entry` is a digest over what the cluster is to run (artifact, values, dependsOn, placements, suspend), and over
    nothing else: readiness is bound to it. `evidence` has one for each policy that covers the artifact.
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
        """What of its HelmRelease's spec decides what runs, and so must be on the cluster unchanged."""
        return {
            "releaseName": self.application,
            "targetNamespace": self.application,
            "chartRef": {"kind": "OCIRepository", "name": self.application},
            "values": self.values,
        }

    @cached_property
    def spec_digest(self) -> str:
        """The digest over that (`model.canonical.runs_of`), made once: every pass compares it."""
        return release_spec_digest(self.release_spec)


class LockMetadata(Model):
    """`metadata` of a lock: the Environment's name."""

    name: str


class EnvironmentLock(Model):
    """Sorted by Application, without times: equal inputs give equal bytes."""

    api_version: Literal["catalyst.openova.io/v1alpha1"] = "catalyst.openova.io/v1alpha1"
    kind: Literal["EnvironmentLock"] = "EnvironmentLock"
    metadata: LockMetadata
    flux_namespace: str = "flux-system"
    packages: list[Package] = []


def entry_digest(package: Mapping[str, Any]) -> str:
    """The digest over what a cluster is to run of a package: not evidence, not who requires it."""
    return digest_of({k: package[k] for k in ("artifact", "values", "depends_on", "placements", "suspend")})


def packages_of(lock: EnvironmentLock | None) -> Mapping[str, Package]:
    """The packages of a lock by Application; none when there is no lock."""
    return {p.application: p for p in lock.packages} if lock else {}
