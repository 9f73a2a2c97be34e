"""The Catalog on real registries: nothing is read of an artifact before its signature holds (trust.md, laws 1 to 4)."""

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
    """A Blueprint's versions in each catalog, as of a moment of the monotonic clock."""

    found: Mapping[str, tuple[str, ...]]
    at: float


@dataclass(frozen=True)
class _Answer:
    """What was found of an artifact, from when on it is looked at anew, and until when it stands without (monotonic clock)."""

    found: VerifiedBlueprint | ExcludedVersion
    due: float
    until: float


class VerifiedCatalog:
    """Implements `domain.catalog.Catalog` for all threads of a process.

    Args:
        prefixes: the configured catalogs.
        policies: the trust policies; an answer is remembered only as long as they stay the same.
        registry: where artifacts are.
        vouch: the signature check.
        blobs: fetches content, or has it already.
        fresh: seconds for which a list of tags, what a tag points at, and a refusal count.
        reverify: seconds after which, at the latest, an artifact is held against the policies again.
    """

    def __init__(
        self,
        prefixes: Sequence[str],
        policies: Callable[[], TrustPolicies],
        registry: MirroredArtifacts,
        vouch: ArtifactVerifier,
        blobs: Blobs,
        *,
        tag_ttl: float = 60.0,
        reverify_interval: float = 3600.0,
    ) -> None:
        self._prefixes = tuple(prefixes)
        self._policies = policies
        self._registry = registry
        self._vouch = vouch
        self._blobs = blobs
        self._tag_ttl = tag_ttl
        self._reverify_interval = reverify_interval
        self._lock = threading.Lock()
        self._listings: dict[str, Listing] = {}
        self._digests: dict[tuple[str, str], tuple[str, float]] = {}
        self._cache: dict[tuple[str, str, str], _Answer] = {}
        self._policy_digest = ""  # the digest of the policies under which `_cache` were found

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """The catalogs that have a Blueprint, and its versions there; remembered for a short while."""
        with self._lock:
            listing = self._listings.get(name)
        if listing is None or time.monotonic() - listing.at > self._tag_ttl:
            listing = Listing(self._list(name), time.monotonic())
            with self._lock:
                # people choose the names: those that nobody asks for any more must not pile up
                oldest = listing.at - self._tag_ttl
                self._listings = {n: one for n, one in self._listings.items() if one.at >= oldest} | {name: listing}
        return listing.found

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """One version, held against the policies now or not long ago.

        While the registry or cosign give no answer, an earlier one stands for as long again as it would have stood.
        """
        if catalog not in self._prefixes:
            return ExcludedVersion(version, "Untrusted", f"{catalog} is not a catalog of this Sovereign")
        repository = f"{catalog}/{name}"
        if digest is not None:
            return self._looked_up((repository, digest, version), name)
        try:
            found = self._looked_up((repository, self._resolve(repository, version), version), name)
        except (IntegrityError, NotFoundError) as fault:
            return ExcludedVersion(version, "InvalidBlueprint", fault.message)
        # a tag that names nothing is no loss of something
        return replace(found, code="InvalidBlueprint") if isinstance(found, ExcludedVersion) and found.code == "Gone" else found

    def _looked_up(self, key: tuple[str, str, str], name: str) -> VerifiedBlueprint | ExcludedVersion:
        policies = self._policies()
        with self._lock:
            known = self._cache.get(key) if policies.digest == self._policy_digest else None
        if known is not None and time.monotonic() < known.due:
            return known.found
        try:
            found = self._verify(key, name, policies, known)
        except (UnavailableError, AccessDeniedError):
            now = time.monotonic()
            if known is None or now > known.until:
                raise
            with self._lock:  # not asked again at once: each question may take a whole time-out
                if self._policy_digest == policies.digest:
                    self._cache[key] = replace(known, due=now + self._tag_ttl)
            return known.found
        if self._policies().digest == policies.digest:
            self._remember(key, found, policies.digest)
        return found

    def _verify(
        self, key: tuple[str, str, str], name: str, policies: TrustPolicies, known: _Answer | None
    ) -> VerifiedBlueprint | ExcludedVersion:
        repository, digest, version = key
        try:
            before = known.found.evidence if known is not None and isinstance(known.found, VerifiedBlueprint) else []
            vouched = self._vouch(repository, digest, policies, before)
            if known is not None and isinstance(known.found, VerifiedBlueprint):  # a digest's content does not change
                return replace(known.found, evidence=vouched.evidence)
            return self._read(repository, name, version, vouched)
        except UntrustedError as fault:
            return ExcludedVersion(version, "Untrusted", fault.message)
        except NotFoundError as fault:
            return ExcludedVersion(version, "Gone", fault.message)
        except IntegrityError as fault:
            return ExcludedVersion(version, "InvalidBlueprint", fault.message)

    def _remember(self, key: tuple[str, str, str], found: VerifiedBlueprint | ExcludedVersion, under: str) -> None:
        now = time.monotonic()
        # spread, so that not all that was found at the start is due at once
        stands = self._reverify_interval * random.uniform(0.8, 1.0) if isinstance(found, VerifiedBlueprint) else self._tag_ttl  # noqa: S311
        with self._lock:
            if under != self._policy_digest:
                self._cache, self._policy_digest = {}, under
            if key not in self._cache:  # what nobody asks for any more must not pile up
                self._cache = {k: one for k, one in self._cache.items() if one.until > now}
            self._cache[key] = _Answer(found, now + stands, now + 2 * stands)

    def _resolve(self, repository: str, version: str) -> str:
        """What a version's tag points at, or did a short while ago: all of one decision speaks of the same."""
        now, key = time.monotonic(), (repository, version)
        with self._lock:
            digest, at = self._digests.get(key, ("", 0.0))
        if not digest or now - at > self._tag_ttl:
            digest = self._registry.resolve(repository, _tag(version))
            with self._lock:
                self._digests = {k: one for k, one in self._digests.items() if now - one[1] <= self._tag_ttl}
                self._digests[key] = (digest, now)
        return digest

    def _list(self, name: str) -> dict[str, tuple[str, ...]]:
        found = {}
        for prefix in self._prefixes:
            try:
                tags = self._registry.tags(f"{prefix}/{name}")
            except NotFoundError:
                continue
            if versions := tuple(tag.replace("_", "+") for tag in tags):
                found[prefix] = versions
        return found

    def _read(self, repository: str, name: str, version: str, vouched: VerifiedArtifact) -> VerifiedBlueprint:
        manifest = vouched.manifest
        artifact = f"{repository}@{manifest.digest}"
        chart_layer = _only(manifest, CHART_TYPE, artifact)
        if chart_layer is None:
            raise IntegrityError("it holds no Helm chart")
        archive = helm_archive.read_archive(self._blobs(repository, chart_layer, limit=MAX_CHART))
        blueprint, warnings = _blueprint(self._blueprint_source(repository, manifest, archive))
        metadata = load(archive.get("Chart.yaml", b""), "Chart.yaml")
        if metadata.problems or not isinstance(metadata.data, dict):
            raise IntegrityError(f"its Chart.yaml cannot be read: {next(iter(metadata.problems), 'not a mapping')}")
        chart, notes = read_chart(archive, metadata.data)
        if against := (*blueprint_defects(blueprint, metadata.data, name, version), *chart_defects(chart)):
            raise IntegrityError("; ".join(against))
        return VerifiedBlueprint(
            blueprint=blueprint,
            artifact=f"oci://{artifact}",
            chart=ChartPin(digest=chart_layer.digest, media_type=chart_layer.media_type),
            evidence=vouched.evidence,
            warnings=(*warnings, *notes),
            values_chart=chart if chart.has_schema else None,
        )

    def _blueprint_source(self, repository: str, manifest: Manifest, archive: Mapping[str, bytes]) -> Source:
        """Where a Blueprint is found, in order: a layer of its own; the chart archive; else it is refused."""
        layer = _only(manifest, BLUEPRINT_TYPE, f"{repository}@{manifest.digest}")
        if layer is not None:
            return load(self._blobs(repository, layer, limit=MAX_BLUEPRINT), "blueprint.yaml")
        if "blueprint.yaml" in archive:
            return load(archive["blueprint.yaml"], "blueprint.yaml")
        raise IntegrityError("it holds no blueprint.yaml, neither as a layer nor in its chart")


def _only(manifest: Manifest, media_type: str, what: str) -> Any:
    layers = [layer for layer in manifest.layers if layer.media_type == media_type]
    if len(layers) > 1:
        raise IntegrityError(f"{what} holds {len(layers)} layers of type {media_type}; there must be one")
    return layers[0] if layers else None


def _blueprint(source: Source) -> tuple[Blueprint, tuple[str, ...]]:
    blueprint, problems = parse_document(source, Blueprint, lenient=True)
    if blueprint is None:
        raise IntegrityError(f"its blueprint.yaml is not valid: {'; '.join(str(p) for p in problems[:3])}")
    return blueprint, tuple(str(p) for p in problems)


def _tag(version: str) -> str:
    """A version as a tag; `+` may not stand in one, and Helm writes `_` for it."""
    return version.replace("+", "_")
