"""The Catalog on real registries: nothing is read of an artifact before its signature holds (trust.md, laws 1 to 4)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.decide.blueprints import faults
from reconciler.decide.catalog import PassedOver, Verified
from reconciler.decide.charts import hollow
from reconciler.decide.shape import shape
from reconciler.decide.trust import Policies, policy_digest
from reconciler.loop.charts import chart_of
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE
from reconciler.model.blueprint import Blueprint
from reconciler.model.faults import Corrupt, Missing, Untrusted
from reconciler.model.lock import ChartPin, Evidence
from reconciler.world import charts
from reconciler.world.documents import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.source import Source
    from reconciler.model.trust import TrustPolicy
    from reconciler.world.cache import Cache
    from reconciler.world.manifest import Descriptor, Manifest
    from reconciler.world.registry import Registry

MAX_CHART = 32 * 1024 * 1024
MAX_BLUEPRINT = 1024 * 1024


class Prove(Protocol):
    """How one authority's signature on an artifact is checked: `loop.evidence.evidence` with a registry and a cosign."""

    def __call__(self, repository: str, digest: str, public_key: str) -> str:
        """Return the digest of the signature that holds, or raise Untrusted or another Fault."""


@dataclass(frozen=True)
class Listing:
    """A Blueprint's versions in each catalog, as of a moment of the monotonic clock."""

    found: Mapping[str, tuple[str, ...]]
    at: float


class TrustedCatalog:
    """Implements `decide.catalog.Catalog` for all threads of a process.

    Args:
        prefixes: the configured catalogs.
        policies: the trust policies; an answer is remembered only as long as they stay the same.
        registry: where artifacts are.
        prove: the signature check.
        cache: blobs by digest, on disk.
        fresh: seconds for which a list of tags counts.
    """

    def __init__(
        self,
        prefixes: Sequence[str],
        policies: Callable[[], Policies],
        registry: Registry,
        prove: Prove,
        cache: Cache,
        *,
        fresh: float = 60.0,
    ) -> None:
        self._prefixes = tuple(prefixes)
        self._policies = policies
        self._registry = registry
        self._prove = prove
        self._cache = cache
        self._fresh = fresh
        self._lock = threading.Lock()
        self._listings: dict[str, Listing] = {}
        self._verified: dict[tuple[str, str, str], Verified] = {}
        self._under = ""  # the digest of the policies under which the signatures of `_verified` held

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """The catalogs that have a Blueprint, and its versions there; remembered for a short while."""
        with self._lock:
            listing = self._listings.get(name)
        if listing is None or time.monotonic() - listing.at > self._fresh:
            listing = Listing(self._list(name), time.monotonic())
            with self._lock:
                # people choose the names: those that nobody asks for any more must not pile up
                oldest = listing.at - self._fresh
                self._listings = {n: one for n, one in self._listings.items() if one.at >= oldest} | {name: listing}
        return listing.found

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> Verified | PassedOver:
        """One version, its signature checked now or before under the same policies."""
        if catalog not in self._prefixes:
            return PassedOver(version, "Untrusted", f"{catalog} is not a catalog of this Sovereign")
        repository = f"{catalog}/{name}"
        policies = self._policies()
        under = policies.digest
        try:
            digest = digest or self._registry.resolve(repository, _tag(version))
            key = (repository, digest, version)
            with self._lock:
                known = self._verified.get(key) if under == self._under else None
            if known is not None:
                return known
            evidence = self._evidence(repository, digest, policies)
            verified = self._read(repository, name, version, digest, evidence)
        except Untrusted as fault:
            return PassedOver(version, "Untrusted", fault.message)
        except (Corrupt, Missing) as fault:
            return PassedOver(version, "InvalidBlueprint", fault.message)
        with self._lock:
            if under != self._under:
                self._verified, self._under = {}, under
            self._verified[key] = verified
        return verified

    def _list(self, name: str) -> dict[str, tuple[str, ...]]:
        found = {}
        for prefix in self._prefixes:
            try:
                tags = self._registry.tags(f"{prefix}/{name}")
            except Missing:
                continue
            if versions := tuple(tag.replace("_", "+") for tag in tags):
                found[prefix] = versions
        return found

    def _evidence(self, repository: str, digest: str, policies: Policies) -> Evidence:
        covering = policies.covering(repository)
        if not covering:
            raise Untrusted(f"no trust policy covers {repository}")
        proofs = [self._proof(repository, digest, policy) for policy in covering]
        authority, signature = proofs[0]
        return Evidence(authority=authority, policy=policy_digest(covering), signature=signature)

    def _proof(self, repository: str, digest: str, policy: TrustPolicy) -> tuple[str, str]:
        """The first authority of a policy whose signature holds."""
        refusals = []
        for authority in policy.spec.authorities:
            try:
                return authority.name, self._prove(repository, digest, authority.key)
            except Untrusted as fault:
                refusals.append(f"{authority.name}: {fault.message}")
        raise Untrusted(f"the policy {policy.metadata.name} is not met: {'; '.join(refusals)}")

    def _read(self, repository: str, name: str, version: str, digest: str, evidence: Evidence) -> Verified:
        manifest = self._registry.manifest(repository, digest)
        chart_layer = _only(manifest, CHART_TYPE, f"{repository}@{digest}")
        if chart_layer is None:
            raise Corrupt("it holds no Helm chart")
        archive = charts.read(self._blob(repository, chart_layer, MAX_CHART))
        blueprint, warnings = _blueprint(self._blueprint_source(repository, manifest, archive))
        metadata = load(archive.get("Chart.yaml", b""), "Chart.yaml")
        if metadata.problems or not isinstance(metadata.data, dict):
            raise Corrupt(f"its Chart.yaml cannot be read: {next(iter(metadata.problems), 'not a mapping')}")
        chart, notes = chart_of(archive, metadata.data)
        if against := (*faults(blueprint, metadata.data, name, version), *hollow(chart)):
            raise Corrupt("; ".join(against))
        return Verified(
            blueprint=blueprint,
            artifact=f"oci://{repository}@{digest}",
            chart=ChartPin(digest=chart_layer.digest, media_type=chart_layer.media_type),
            evidence=evidence,
            warnings=(*warnings, *notes),
            checks=chart if chart.has_schema else None,
        )

    def _blueprint_source(self, repository: str, manifest: Manifest, archive: Mapping[str, bytes]) -> Source:
        """Where a Blueprint is found, in order: a layer of its own; the chart archive; else it is refused."""
        layer = _only(manifest, BLUEPRINT_TYPE, f"{repository}@{manifest.digest}")
        if layer is not None:
            return load(self._blob(repository, layer, MAX_BLUEPRINT), "blueprint.yaml")
        if "blueprint.yaml" in archive:
            return load(archive["blueprint.yaml"], "blueprint.yaml")
        raise Corrupt("it holds no blueprint.yaml, neither as a layer nor in its chart")

    def _blob(self, repository: str, layer: Descriptor, limit: int) -> bytes:
        data = self._cache.get(layer.digest)
        if data is None:
            data = self._registry.blob(repository, layer, limit=limit)
            self._cache.put(data)
        return data


def _only(manifest: Manifest, media_type: str, what: str) -> Any:
    layers = [layer for layer in manifest.layers if layer.media_type == media_type]
    if len(layers) > 1:
        raise Corrupt(f"{what} holds {len(layers)} layers of type {media_type}; there must be one")
    return layers[0] if layers else None


def _blueprint(source: Source) -> tuple[Blueprint, tuple[str, ...]]:
    blueprint, problems = shape(source, Blueprint, lenient=True)
    if blueprint is None:
        raise Corrupt(f"its blueprint.yaml is not valid: {'; '.join(str(p) for p in problems[:3])}")
    return blueprint, tuple(str(p) for p in problems)


def _tag(version: str) -> str:
    """A version as a tag; `+` may not stand in one, and Helm writes `_` for it."""
    return version.replace("+", "_")
