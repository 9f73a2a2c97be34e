"""The lock, `environment.lock.yaml` on `resolved`: the resolved packages, pinned by digest, with their trust evidence.

Its format is `catalyst.openova.io/v1alpha2`. Locks of `v1alpha1` are still read, with the digests they were made with: they lack
what decides labels and intervals, and have none of the optional settings. The next pass writes the new format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from reconciler.model.base import ApplicationName, ClusterName, Digest, Model
from reconciler.model.canonical import digest_of
from reconciler.model.release import UNSET, ReleaseSettings, ValuesReference, is_unset
from reconciler.model.trust import PredicateType

if TYPE_CHECKING:
    from collections.abc import Mapping

# A Namespace: its cluster and its name. The Environment's fluxNamespace is one as well: Flux has one source in each.
ClusterNamespace = tuple[str, str]

# A HelmRelease: its cluster, namespace and name.
ReleaseKey = tuple[str, str, str]


OLDER_FORMAT: Final = "catalyst.openova.io/v1alpha1"
FORMAT: Final = "catalyst.openova.io/v1alpha2"

UNSEALED: Final = "sha256:" + "0" * 64
"""The entry of a package until the lock that contains it is complete (`sealed`)."""


class ChartPin(Model):
    """The chart's layer in the artifact, and the name in its Chart.yaml.

    Helm uninstalls a release and installs it anew when its chart has another name than before. Locks of v1alpha1 have no name.
    """

    digest: Digest
    media_type: str
    name: str | None = UNSET


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

    Attributes:
        application: its name.
        blueprint: the full name of its Blueprint.
        version: the Blueprint's version, which is also the chart's.
        artifact: reference by digest: `oci://host/path@sha256:...`.
        chart: the chart in it.
        placements: the clusters on which it runs, sorted.
        depends_on: the Applications that its Blueprint needs, which Flux installs first.
        ordered_after: further Applications that Flux installs first, because its document says so.
        required_by: the requirements on it; they explain it, and decide nothing.
        at_least: the version that environment.yaml demands of a Blueprint which no document declares.
        evidence: one for each policy that covers the artifact.
        values: the Helm values.
        values_from: further values that Flux reads on the cluster.
        release: how Helm installs it.
        suspend: whether Flux leaves it alone.
        entry: a digest over all that decides what happens to it on the clusters (`entry_content`), and over nothing else:
            readiness is bound to it.
    """

    application: ApplicationName
    blueprint: str
    version: str
    artifact: str
    chart: ChartPin
    placements: list[ClusterName]
    depends_on: list[str] = []
    ordered_after: Annotated[list[str], Field(exclude_if=is_unset)] = []
    required_by: list[Requirer] = []
    at_least: str | None = UNSET
    evidence: Annotated[list[TrustEvidence], Field(min_length=1)]
    values: dict[str, Any] = {}
    values_from: Annotated[list[ValuesReference], Field(exclude_if=is_unset)] = []
    release: Annotated[ReleaseSettings, Field(exclude_if=is_unset)] = ReleaseSettings()
    suspend: bool = False
    entry: Digest

    @property
    def digest(self) -> str:
        """The artifact's manifest digest."""
        return self.artifact.rpartition("@")[2]

    @property
    def object_name(self) -> str:
        """The name of its HelmRelease and of its OCIRepository."""
        return self.release.object or self.application

    @property
    def release_name(self) -> str:
        """The name of its Helm release."""
        return self.release.name or self.application

    @property
    def namespace(self) -> str:
        """The Namespace that Helm installs it into."""
        return self.release.namespace or self.application


class Removal(Model):
    """Application whose release is being uninstalled on some clusters.

    Its HelmRelease and its source are not rendered any more; its Namespace still is, until Helm has finished on every cluster.

    Attributes:
        application: its name. It may still be a package on other clusters.
        blueprint: the Blueprint that was installed.
        version: the version that was installed.
        placements: the clusters from which it is removed, sorted.
        flux_namespace: the Namespace of its HelmRelease.
        release: how it was installed.
        entry: the entry of its package until then: the one its Namespace and its HelmRelease still have.
    """

    application: ApplicationName
    blueprint: str
    version: str
    placements: Annotated[list[ClusterName], Field(min_length=1)]
    flux_namespace: str
    release: Annotated[ReleaseSettings, Field(exclude_if=is_unset)] = ReleaseSettings()
    entry: Digest

    @property
    def object_name(self) -> str:
        """The name of its HelmRelease."""
        return self.release.object or self.application

    @property
    def namespace(self) -> str:
        """The Namespace that Helm installed it into."""
        return self.release.namespace or self.application

    @property
    def releases(self) -> frozenset[ReleaseKey]:
        """The HelmReleases that are to go."""
        return frozenset((cluster, self.flux_namespace, self.object_name) for cluster in self.placements)


class LockedSovereign(Model):
    """What the Sovereign's configuration decides for every Application: a label, and the defaults of their releases.

    Attributes:
        name: the Sovereign's name.
        interval: how often Flux reconciles, a Go duration.
        timeout: how long Helm may take for one action, a Go duration.
    """

    name: str
    interval: str
    timeout: str


class LockMetadata(Model):
    """`metadata` of a lock: the Environment's name."""

    name: str


class EnvironmentLock(Model):
    """All resolved packages of an Environment, sorted by Application, without timestamps: equal inputs give equal bytes.

    Attributes:
        api_version: the format.
        kind: the kind.
        metadata: the Environment's name.
        sovereign: what the Sovereign decides; None in the older format alone.
        organization: the Environment's Organization; None in the older format alone.
        placements: the Environment's clusters, sorted, with or without Applications; None in the older format alone.
        former_placements: clusters that were placements, sorted: they keep a folder, since Flux deletes nothing without one.
        flux_namespace: the Namespace of Flux's objects.
        packages: the resolved packages.
        removing: the Applications whose release is being uninstalled, sorted by Application.
    """

    api_version: Literal["catalyst.openova.io/v1alpha1", "catalyst.openova.io/v1alpha2"] = FORMAT
    kind: Literal["EnvironmentLock"] = "EnvironmentLock"
    metadata: LockMetadata
    sovereign: LockedSovereign | None = UNSET
    organization: str | None = UNSET
    placements: list[ClusterName] | None = Field(default=None, exclude_if=lambda value: value is None)
    former_placements: Annotated[list[ClusterName], Field(exclude_if=is_unset)] = []
    flux_namespace: str = "flux-system"
    packages: list[Package] = []
    removing: Annotated[list[Removal], Field(exclude_if=is_unset)] = []

    @model_validator(mode="after")
    def _is_of_its_format(self) -> Self:
        header = (self.sovereign, self.organization, self.placements)
        if self.api_version == FORMAT:
            if None in header:
                raise ValueError("a lock of v1alpha2 has sovereign, organization and placements")
        elif (
            header != (None, None, None)
            or self.removing
            or self.former_placements
            or any(_has_newer_fields(package) for package in self.packages)
        ):
            raise ValueError("a lock of v1alpha1 has none of the fields of v1alpha2: its digests do not cover them")
        return self


def _has_newer_fields(package: Package) -> bool:
    newer = (package.chart.name, package.at_least, package.ordered_after, package.values_from, package.release)
    return not all(is_unset(value) for value in newer)


def entry_content(lock: EnvironmentLock, package: Package) -> dict[str, Any]:
    """Returns all that decides what happens to a package on the clusters, by name. Evidence and requirers do not.

    A lock of v1alpha1 lacks what it does not know.
    """
    content = {
        "application": package.application,
        "artifact": package.artifact,
        "blueprint": package.blueprint,
        "depends_on": package.depends_on,
        "environment": lock.metadata.name,
        "flux_namespace": lock.flux_namespace,
        "ordered_after": package.ordered_after,
        "placements": package.placements,
        "release": package.release.model_dump(),
        "suspend": package.suspend,
        "values": package.values,
        "values_from": [reference.model_dump() for reference in package.values_from],
        "version": package.version,
    }
    if lock.sovereign is not None:
        content |= {
            "chart_name": package.chart.name,
            "organization": lock.organization,
            "sovereign": lock.sovereign.model_dump(),
        }
    return content


def entry_digest(lock: EnvironmentLock, package: Package) -> str:
    """Returns the entry of a package: the digest over its `entry_content`, or over what v1alpha1 had of it."""
    content = entry_content(lock, package)
    if lock.api_version == OLDER_FORMAT:
        content = {key: content[key] for key in ("artifact", "values", "depends_on", "placements", "suspend")}
    return digest_of(content)


def sealed(lock: EnvironmentLock) -> EnvironmentLock:
    """Returns a lock with the entry of every package."""
    packages = [package.model_copy(update={"entry": entry_digest(lock, package)}) for package in lock.packages]
    return lock.model_copy(update={"packages": packages})


def packages_of(lock: EnvironmentLock | None) -> Mapping[str, Package]:
    """Returns the packages of a lock by Application; an empty mapping without a lock."""
    return {p.application: p for p in lock.packages} if lock else {}
