"""Renders a lock into the tree of the `resolved` branch: the Flux objects, as plain documents by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.formats.yaml.documents import dump
from reconciler.model.artifact import CHART_TYPE, registry_of, repository_url
from reconciler.model.flux import HELM_GROUP, HELM_VERSION, KUSTOMIZE_CONFIG_GROUP, SOURCE_GROUP, SOURCE_VERSION
from reconciler.model.labels import APPLICATION_LABEL, ENTRY_ANNOTATION, MANAGED_BY
from reconciler.model.layout import CLUSTERS_FOLDER, LOCK_FILE, REMOVALS, kustomization_file, release_file, removal_file
from reconciler.model.lock import LockedSovereign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.lock import EnvironmentLock, Package, Removal

REMEDIATION_RETRIES = 3

MAX_LABEL = 63

# The documents of each file, by the file's path.
Tree = Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True)
class RenderContext:
    """The settings of the Sovereign that the rendered objects depend on.

    Attributes:
        sovereign: its name, for the label.
        keys: public keys (PEM) by authority, by which Flux verifies signatures again by itself.
        plain_http: registry hosts that are reached without TLS.
        pull_secrets: names of image pull Secrets by registry host, for Flux.
        interval: how often Flux reconciles by itself, a Go duration.
        timeout: how long Helm may take for one action, a Go duration.
    """

    sovereign: str
    keys: Mapping[str, str]
    plain_http: frozenset[str] = frozenset()
    pull_secrets: Mapping[str, str] | None = None
    interval: str = "10m"
    timeout: str = "5m"

    @property
    def locked(self) -> LockedSovereign:
        """The settings that a lock records, from which it is rendered."""
        return LockedSovereign(name=self.sovereign, interval=self.interval, timeout=self.timeout)


def render(lock: EnvironmentLock, context: RenderContext) -> Tree:
    """Renders all files of the `resolved` branch, by path. The lock has all fields of the current format."""
    files: dict[str, tuple[Mapping[str, Any], ...]] = {LOCK_FILE: (lock.model_dump(mode="json", by_alias=True),)}
    for cluster in (*(lock.placements or ()), *lock.former_placements):
        packages = _packages(cluster, lock, context)
        files |= {**packages, **_removals(cluster, lock, packages)}
    return files


def replace_removals(files: Mapping[str, bytes], lock: EnvironmentLock) -> Mapping[str, bytes]:
    """Returns the files of a commit as they are with another list of removals and former placements in its lock.

    Everything else stays as it was rendered, whatever today's settings are.

    Args:
        files: the files of the commit.
        lock: its lock, with the other list.
    """
    changed: dict[str, bytes] = {LOCK_FILE: dump(lock.model_dump(mode="json", by_alias=True))}
    for cluster in (*(lock.placements or ()), *lock.former_placements):
        folder = f"{CLUSTERS_FOLDER}/{cluster}/"
        kept = {
            path: content
            for path, content in files.items()
            if path.startswith(folder) and path != kustomization_file(cluster) and not path.startswith(f"{folder}{REMOVALS}/")
        }
        rendered = _removals(cluster, lock, kept)
        changed |= kept | {path: dump(*contents) for path, contents in rendered.items()}
    return changed


def duplicate_objects(tree: Tree) -> Iterator[tuple[str, str]]:
    """Finds objects that occur twice among a cluster's files: Flux would overwrite one with the other without end.

    Yields:
        The Application of the second object, and a message that names both.
    """
    owners: dict[tuple[str, ...], str] = {}
    for path, documents in sorted(tree.items()):
        folder, _, below = path.partition("/")
        for document in (d for d in documents if folder == CLUSTERS_FOLDER and "metadata" in d):
            metadata, cluster = document["metadata"], below.partition("/")[0]
            group = document["apiVersion"].rpartition("/")[0]
            key = (cluster, group, document["kind"], metadata.get("namespace", ""), metadata["name"])
            owner = metadata["labels"].get(APPLICATION_LABEL, path)
            if key in owners:
                name = "/".join(part for part in key[3:] if part)
                yield owner, f"{document['kind']} {name} would be on {cluster} twice, for {owners[key]} and for {owner}"
            owners[key] = owner


def _packages(cluster: str, lock: EnvironmentLock, context: RenderContext) -> Tree:
    """Renders the packages on a cluster, and what Flux verifies them by."""
    folder = f"{CLUSTERS_FOLDER}/{cluster}/"
    files: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for package in (package for package in lock.packages if cluster in package.placements):
        files[release_file(cluster, package.application)] = _objects(package, lock, context)
        authority = _flux_authority(package, context)
        if authority is not None:
            secret = _trust_secret(authority, context.keys[authority], lock.flux_namespace)
            files[f"{folder}trust/{authority}.yaml"] = (secret,)
    return files


def _removals(cluster: str, lock: EnvironmentLock, others: Iterable[str]) -> Tree:
    """Renders the Namespaces of what is being uninstalled on a cluster, and the list of all of its files.

    Args:
        cluster: the cluster.
        lock: the lock.
        others: the paths of the cluster's other files.
    """
    owned = {package.namespace for package in lock.packages if cluster in package.placements}
    files: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for removal in (removal for removal in lock.removing if cluster in removal.placements):
        if removal.namespace not in owned:
            owned.add(removal.namespace)
            path = removal_file(cluster, removal.application)
            files[path] = (*files.get(path, ()), _namespace(removal, lock))
    kustomization = {
        "apiVersion": f"{KUSTOMIZE_CONFIG_GROUP}/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(path.removeprefix(f"{CLUSTERS_FOLDER}/{cluster}/") for path in (*others, *files)),
    }
    return {**files, kustomization_file(cluster): (kustomization,)}


def _flux_authority(package: Package, context: RenderContext) -> str | None:
    """The authority by whose key Flux verifies the artifact again; None when no signer of the package has a key."""
    return next((evidence.authority for evidence in package.evidence if evidence.authority in context.keys), None)


def _trust_secret(authority: str, key: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": _trust_secret_name(authority), "namespace": namespace, "labels": dict(MANAGED_BY)},
        "stringData": {"cosign.pub": key},  # a public key; Flux requires that it is in a Secret
    }


def _trust_secret_name(authority: str) -> str:
    return f"catalyst-trust-{authority}"


def _objects(package: Package, lock: EnvironmentLock, context: RenderContext) -> tuple[Mapping[str, Any], ...]:
    metadata = _metadata(package, lock)
    name, namespace = package.object_name, lock.flux_namespace
    return (
        _namespace(package, lock),
        {
            "apiVersion": f"{SOURCE_GROUP}/{SOURCE_VERSION}",
            "kind": "OCIRepository",
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": _source(package, lock, context),
        },
        {
            "apiVersion": f"{HELM_GROUP}/{HELM_VERSION}",
            "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": helm_release_spec(package, _sovereign(lock)),
        },
    )


def _namespace(owner: Package | Removal, lock: EnvironmentLock) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": owner.namespace, **_metadata(owner, lock)}}


def _metadata(owner: Package | Removal, lock: EnvironmentLock) -> dict[str, Any]:
    """Returns the labels and annotations by which the objects of a package are recognized, also while it is removed."""
    labels = {
        **MANAGED_BY,
        "openova.io/sovereign": _sovereign(lock).name,
        "openova.io/organization": lock.organization or "",
        "openova.io/environment": lock.metadata.name,
        APPLICATION_LABEL: owner.application,
        "openova.io/blueprint": owner.blueprint,
        "openova.io/blueprint-version": owner.version,
    }
    return {
        "labels": {key: label_value(text) for key, text in labels.items()},
        "annotations": {ENTRY_ANNOTATION: owner.entry},
    }


def label_value(text: str) -> str:
    """Returns text as a label's value: at most 63 of `[A-Za-z0-9._-]`, with a letter or digit at both ends."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:MAX_LABEL].strip("._-")


def _sovereign(lock: EnvironmentLock) -> LockedSovereign:
    return lock.sovereign or LockedSovereign(name="", interval="", timeout="")


def _source(package: Package, lock: EnvironmentLock, context: RenderContext) -> dict[str, Any]:
    host = registry_of(package)
    spec: dict[str, Any] = {
        "interval": _sovereign(lock).interval,
        "url": repository_url(package),
        "ref": {"digest": package.digest},
        "layerSelector": {"mediaType": CHART_TYPE, "operation": "copy"},
    }
    if host in context.plain_http:
        spec["insecure"] = True
    if context.pull_secrets and host in context.pull_secrets:
        spec["secretRef"] = {"name": context.pull_secrets[host]}
    authority = _flux_authority(package, context)
    if authority is not None:
        spec["verify"] = {"provider": "cosign", "secretRef": {"name": _trust_secret_name(authority)}}
    return spec


def helm_release_spec(package: Package, sovereign: LockedSovereign) -> dict[str, Any]:
    """Returns the `spec` of a package's HelmRelease."""
    settings = package.release
    spec: dict[str, Any] = {
        "interval": settings.interval or sovereign.interval,
        "timeout": settings.timeout or sovereign.timeout,
        "releaseName": package.release_name,
        "targetNamespace": package.namespace,
        "chartRef": {"kind": "OCIRepository", "name": package.object_name},
        "install": {"remediation": {"retries": REMEDIATION_RETRIES}},
        "upgrade": {"remediation": {"retries": REMEDIATION_RETRIES}},
        "driftDetection": {"mode": "enabled"},
        "values": package.values,
    }
    if package.suspend:
        spec["suspend"] = True
    if package.depends_on:
        spec["dependsOn"] = [{"name": name} for name in package.depends_on]
    return spec
