"""The Catalog on real registries: nothing of an artifact is read before its signature is verified."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.domain.blueprints.blueprint_rules import blueprint_defects
from reconciler.domain.blueprints.chart_reader import read_chart
from reconciler.domain.blueprints.helm_chart import chart_defects
from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats import helm_archive
from reconciler.formats.yaml.documents import load
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE
from reconciler.model.blueprint import Blueprint
from reconciler.model.errors import AccessDeniedError, IntegrityError, NotFoundError, UnavailableError, UntrustedError
from reconciler.model.lock import ChartPin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.formats.oci_manifest import Manifest
    from reconciler.model.source import Source
    from reconciler.services.verification.artifact_verifier import ArtifactVerifier, VerifiedArtifact
    from reconciler.services.verification.cached_blobs import Blobs
    from reconciler.services.verification.ports import MirroredArtifacts

MAX_CHART = 32 * 1024 * 1024
MAX_BLUEPRINT = 1024 * 1024


@dataclass(frozen=True)
class Listing:
    """A Blueprint's versions in each catalog, read at a moment of the monotonic clock."""

    versions: Mapping[str, tuple[str, ...]]
    at: float


@dataclass(frozen=True)
class _CachedResult:
    """The verification result of an artifact. Times are of the monotonic clock, in seconds.

    Attributes:
        result: the verified Blueprint, or why the version is excluded.
        verify_after: when it is verified again.
        valid_until: until when it counts while verification is not possible.
    """

    result: VerifiedBlueprint | ExcludedVersion
    verify_after: float
    valid_until: float


class VerifiedCatalog:
    """Implements `domain.catalog.Catalog`. Safe for use by all threads of a process.

    Args:
        prefixes: the configured catalogs.
        policies: returns the trust policies; results are cached only while the policies stay the same.
        registry: the registries and their mirrors.
        verify: verifies signatures and attestations.
        blobs: returns content, from the cache or the registry.
        tag_ttl: seconds for which a list of tags, the digest of a tag, and an exclusion are cached.
        reverify_interval: seconds after which, at the latest, an artifact is verified against the policies again.
    """

    def __init__(
        self,
        prefixes: Sequence[str],
        policies: Callable[[], TrustPolicies],
        registry: MirroredArtifacts,
        verify: ArtifactVerifier,
        blobs: Blobs,
        *,
        tag_ttl: float = 60.0,
        reverify_interval: float = 3600.0,
    ) -> None:
        self._prefixes = tuple(prefixes)
        self._policies = policies
        self._registry = registry
        self._verify_artifact = verify
        self._blobs = blobs
        self._tag_ttl = tag_ttl
        self._reverify_interval = reverify_interval
        self._lock = threading.Lock()
        self._listings: dict[str, Listing] = {}
        self._digests: dict[tuple[str, str], tuple[str, float]] = {}
        self._cache: dict[tuple[str, str, str], _CachedResult] = {}
        self._policy_digest = ""  # digest of the policies that the results in `_cache` rest on

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """The catalogs that contain a Blueprint, and its versions there; cached for `tag_ttl`."""
        with self._lock:
            listing = self._listings.get(name)
        if listing is None or time.monotonic() - listing.at > self._tag_ttl:
            listing = Listing(self._list(name), time.monotonic())
            with self._lock:
                # Names come from documents: listings that are not requested any more must not accumulate.
                oldest = listing.at - self._tag_ttl
                self._listings = {key: cached for key, cached in self._listings.items() if cached.at >= oldest} | {name: listing}
        return listing.versions

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """One version, verified against the policies now or within `reverify_interval`.

        While the registry or cosign is unavailable, an earlier result stays valid for the same time again.
        """
        if catalog not in self._prefixes:
            return ExcludedVersion(version, "Untrusted", f"{catalog} is not a catalog of this Sovereign")
        repository = f"{catalog}/{name}"
        if digest is not None:
            return self._get_cached((repository, digest, version), name)
        try:
            result = self._get_cached((repository, self._resolve(repository, version), version), name)
        except (IntegrityError, NotFoundError) as error:
            return ExcludedVersion(version, "InvalidBlueprint", error.message)
        # a tag that points at a missing artifact is not the loss of a locked one
        return (
            replace(result, code="InvalidBlueprint") if isinstance(result, ExcludedVersion) and result.code == "Gone" else result
        )

    def _get_cached(self, key: tuple[str, str, str], name: str) -> VerifiedBlueprint | ExcludedVersion:
        """The cached result of an artifact, or a new one."""
        policies = self._policies()
        with self._lock:
            cached = self._cache.get(key) if policies.digest == self._policy_digest else None
        if cached is not None and time.monotonic() < cached.verify_after:
            return cached.result
        try:
            result = self._verify(key, name, policies, cached)
        except (UnavailableError, AccessDeniedError):
            now = time.monotonic()
            if cached is None or now > cached.valid_until:
                raise
            with self._lock:  # not requested again at once: each request may take a whole time-out
                if self._policy_digest == policies.digest:
                    self._cache[key] = replace(cached, verify_after=now + self._tag_ttl)
            return cached.result
        if self._policies().digest == policies.digest:
            self._store(key, result, policies.digest)
        return result

    def _verify(
        self, key: tuple[str, str, str], name: str, policies: TrustPolicies, cached: _CachedResult | None
    ) -> VerifiedBlueprint | ExcludedVersion:
        repository, digest, version = key
        try:
            evidence = cached.result.evidence if cached is not None and isinstance(cached.result, VerifiedBlueprint) else []
            artifact = self._verify_artifact(repository, digest, policies, evidence)
            if cached is not None and isinstance(cached.result, VerifiedBlueprint):  # a digest's content does not change
                return replace(cached.result, evidence=artifact.evidence)
            return self._read(repository, name, version, artifact)
        except UntrustedError as error:
            return ExcludedVersion(version, "Untrusted", error.message)
        except NotFoundError as error:
            return ExcludedVersion(version, "Gone", error.message)
        except IntegrityError as error:
            return ExcludedVersion(version, "InvalidBlueprint", error.message)

    def _store(self, key: tuple[str, str, str], result: VerifiedBlueprint | ExcludedVersion, under: str) -> None:
        """Cache a result, found under the policies with the digest `under`."""
        now = time.monotonic()
        # spread, so that the results of the start do not expire all at once
        ttl = self._reverify_interval * random.uniform(0.8, 1.0) if isinstance(result, VerifiedBlueprint) else self._tag_ttl  # noqa: S311
        with self._lock:
            if under != self._policy_digest:
                self._cache, self._policy_digest = {}, under
            if key not in self._cache:  # results that are not requested any more must not accumulate
                self._cache = {other: cached for other, cached in self._cache.items() if cached.valid_until > now}
            self._cache[key] = _CachedResult(result, now + ttl, now + 2 * ttl)

    def _resolve(self, repository: str, version: str) -> str:
        """The digest that a version's tag points at, cached for `tag_ttl`: all of one decision uses the same."""
        now, key = time.monotonic(), (repository, version)
        with self._lock:
            digest, at = self._digests.get(key, ("", 0.0))
        if not digest or now - at > self._tag_ttl:
            digest = self._registry.resolve(repository, _tag(version))
            with self._lock:
                self._digests = {other: cached for other, cached in self._digests.items() if now - cached[1] <= self._tag_ttl}
                self._digests[key] = (digest, now)
        return digest

    def _list(self, name: str) -> dict[str, tuple[str, ...]]:
        """The versions of a Blueprint in each catalog that contains it."""
        listed = {}
        for prefix in self._prefixes:
            try:
                tags = self._registry.tags(f"{prefix}/{name}")
            except NotFoundError:
                continue
            if versions := tuple(tag.replace("_", "+") for tag in tags):
                listed[prefix] = versions
        return listed

    def _read(self, repository: str, name: str, version: str, verified: VerifiedArtifact) -> VerifiedBlueprint:
        """Read the Blueprint and chart of a verified artifact.

        Raises:
            IntegrityError: the artifact is not a well-formed Blueprint with its chart.
        """
        manifest = verified.manifest
        reference = f"{repository}@{manifest.digest}"
        chart_layer = _only(manifest, CHART_TYPE, reference)
        if chart_layer is None:
            raise IntegrityError("it contains no Helm chart")
        archive = helm_archive.read_archive(self._blobs(repository, chart_layer, limit=MAX_CHART))
        blueprint, warnings = _blueprint(self._blueprint_source(repository, manifest, archive))
        metadata = load(archive.get("Chart.yaml", b""), "Chart.yaml")
        if metadata.problems or not isinstance(metadata.data, dict):
            raise IntegrityError(f"its Chart.yaml cannot be read: {next(iter(metadata.problems), 'not a mapping')}")
        chart, chart_warnings = read_chart(archive)
        if defects := (*blueprint_defects(blueprint, metadata.data, name, version), *chart_defects(chart)):
            raise IntegrityError("; ".join(defects))
        return VerifiedBlueprint(
            blueprint=blueprint,
            artifact=f"oci://{reference}",
            chart=ChartPin(digest=chart_layer.digest, media_type=chart_layer.media_type, name=chart.name),
            evidence=verified.evidence,
            warnings=(*warnings, *chart_warnings),
            values_chart=chart if chart.checks_values else None,
        )

    def _blueprint_source(self, repository: str, manifest: Manifest, archive: Mapping[str, bytes]) -> Source:
        """The Blueprint's document: from a layer of its own, or from the chart archive."""
        layer = _only(manifest, BLUEPRINT_TYPE, f"{repository}@{manifest.digest}")
        if layer is not None:
            return load(self._blobs(repository, layer, limit=MAX_BLUEPRINT), "blueprint.yaml")
        if "blueprint.yaml" in archive:
            return load(archive["blueprint.yaml"], "blueprint.yaml")
        raise IntegrityError("it contains no blueprint.yaml, neither as a layer nor in its chart")


def _only(manifest: Manifest, media_type: str, reference: str) -> Any:
    layers = [layer for layer in manifest.layers if layer.media_type == media_type]
    if len(layers) > 1:
        raise IntegrityError(f"{reference} has {len(layers)} layers of type {media_type}; there must be one")
    return layers[0] if layers else None


def _blueprint(source: Source) -> tuple[Blueprint, tuple[str, ...]]:
    blueprint, problems = parse_document(source, Blueprint, lenient=True)
    if blueprint is None:
        raise IntegrityError(f"its blueprint.yaml is not valid: {'; '.join(str(p) for p in problems[:3])}")
    return blueprint, tuple(str(p) for p in problems)


def _tag(version: str) -> str:
    """The tag of a version: a tag cannot contain `+`, for which Helm writes `_`."""
    return version.replace("+", "_")
