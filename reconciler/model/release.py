"""How Helm installs an Application: the settings of its release that a document may state, as the lock records them.

Every field is optional. A field that is not set has today's meaning, and is absent from YAML and JSON, so that equal settings
give equal bytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from reconciler.model.base import MAX_NAME, DnsLabel, Model


def is_unset(value: Any) -> bool:
    """Returns whether a field has no value: None, or an empty list, mapping or model."""
    return value is None or value in ([], {}) or (isinstance(value, Model) and not value.model_dump())


UNSET: Final = Field(default=None, exclude_if=is_unset)
"""The default of an optional field that is absent from YAML while it has no value."""

# A Go duration, as the HelmRelease API accepts it.
Duration = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", max_length=32)]

_DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ObjectName = Annotated[str, Field(pattern=_DNS_SUBDOMAIN, max_length=253)]
HelmReleaseName = Annotated[str, Field(pattern=_DNS_SUBDOMAIN, max_length=MAX_NAME)]


class ObjectMetadata(Model):
    """Labels and annotations of an object, beside those of the reconciler."""

    labels: dict[str, str] | None = UNSET
    annotations: dict[str, str] | None = UNSET


class HealthCheck(Model):
    """Health of a kind of custom resource, as CEL expressions over the object (Flux's `healthCheckExprs`)."""

    api_version: str
    kind: str
    current: str
    in_progress: str | None = UNSET
    failed: str | None = UNSET


class DriftTarget(Model):
    """Selects the objects to which an exception of drift detection applies; every field that is set must match."""

    group: str | None = UNSET
    version: str | None = UNSET
    kind: str | None = UNSET
    name: str | None = UNSET
    namespace: str | None = UNSET
    label_selector: str | None = UNSET
    annotation_selector: str | None = UNSET


class DriftException(Model):
    """Paths (JSON pointers) that drift detection leaves alone, in the selected objects or in all."""

    paths: Annotated[list[str], Field(min_length=1)]
    target: DriftTarget | None = UNSET


class DriftSettings(Model):
    """What Flux does about objects that differ from the Helm release; mode `enabled` by default."""

    mode: Literal["enabled", "warn", "disabled"] | None = UNSET
    ignore: list[DriftException] | None = UNSET


class ReleaseSettings(Model):
    """Settings of an Application's HelmRelease and of its Helm release.

    Attributes:
        object: name of the HelmRelease; the Application's by default.
        name: name of the Helm release; the Application's by default.
        namespace: the Namespace that Helm installs into; the Application's name by default.
        namespace_metadata: labels and annotations of that Namespace, if it is rendered.
        create_namespace: whether it is rendered; True by default. False for a Namespace that somebody else owns.
        storage_namespace: the Namespace of Helm's own records; that of the HelmRelease by default.
        interval: how often Flux reconciles it; the Sovereign's by default.
        timeout: how long Helm may take for one action; the Sovereign's by default.
        wait: whether Helm waits until what it installed is ready; True by default.
        crds: what Helm does with the CustomResourceDefinitions of the chart at install and upgrade alike.
        retries: how often Flux retries a failed install or upgrade.
        health_checks: the health of custom resources.
        drift: drift detection.
        service_account: the ServiceAccount that Flux impersonates.
    """

    object: ObjectName | None = UNSET
    name: HelmReleaseName | None = UNSET
    namespace: DnsLabel | None = UNSET
    namespace_metadata: ObjectMetadata | None = UNSET
    create_namespace: bool | None = UNSET
    storage_namespace: DnsLabel | None = UNSET
    interval: Duration | None = UNSET
    timeout: Duration | None = UNSET
    wait: bool | None = UNSET
    crds: Literal["CreateReplace", "Create", "Skip"] | None = UNSET
    retries: Annotated[int, Field(ge=-1, le=100)] | None = UNSET
    health_checks: list[HealthCheck] | None = UNSET
    drift: DriftSettings | None = UNSET
    service_account: ObjectName | None = UNSET


class ValuesReference(Model):
    """Reference to values that are on the cluster and not in git: Flux reads them there.

    Attributes:
        kind: the kind of the object that holds them.
        name: its name, in the Namespace of the HelmRelease.
        key: the key of its data; `values.yaml` by default.
        target_path: the path in the values at which the content is set; it is merged as a whole by default.
        optional: whether the object may be missing; False by default.
    """

    kind: Literal["ConfigMap", "Secret"]
    name: ObjectName
    key: str | None = UNSET
    target_path: str | None = UNSET
    optional: bool | None = UNSET
