"""Documents, locks and resolutions in a line or two, and a Catalog of Blueprints in memory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.domain.admission.rules import RuleResult
from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.locking.lock_builder import build_lock
from reconciler.domain.resolution.resolver import resolve
from reconciler.domain.validation.environment import ValidatedInput, validate
from reconciler.formats.yaml.documents import load
from reconciler.model.artifact import CHART_TYPE
from reconciler.model.blueprint import Blueprint
from reconciler.model.lock import ChartPin, EnvironmentLock, LockedSovereign, LockMetadata, Package, TrustEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.domain.blueprints.helm_chart import HelmChart
    from reconciler.domain.resolution.resolver import Resolution
    from reconciler.model.problem import Problem
    from reconciler.model.source import Source

API = "catalyst.openova.io/v1alpha1"

SHOP = "registry.example/openova"

SOVEREIGN = LockedSovereign(name="example", interval="10m", timeout="5m")

FSN, NBG = "hz-fsn-rtz-prod-acme", "hz-nbg-rtz-prod-acme"


def sha(text: str) -> str:
    """A digest that differs for every text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


EVIDENCE = [TrustEvidence(policy="shop", policy_digest=sha("policy"), authority="openova", signature=sha("signature"))]


def source(data: Any, file: str = "file.yaml") -> Source:
    """Data as it comes out of a file (JSON is YAML)."""
    parsed = load(json.dumps(data, ensure_ascii=False, indent=1).encode(), file)
    assert not parsed.problems, parsed.problems
    return parsed


def environment(*clusters: str, **spec: Any) -> dict[str, Any]:
    """An environment.yaml of acme-prod."""
    placements = [{"cluster": c, "region": c.split("-")[1]} for c in clusters or (FSN,)]
    whole = {"organization": "acme", "envType": "prod", "placements": placements, **spec}
    return {"apiVersion": API, "kind": "Environment", "metadata": {"name": "acme-prod"}, "spec": whole}


def application(name: str, blueprint: str = "", version: str = "*", *, catalog: str | None = None, **spec: Any) -> dict[str, Any]:
    """An Application; of the Blueprint that is called like it, when none is named."""
    wish = {"name": blueprint or f"bp-{name}", "version": version} | ({"catalog": catalog} if catalog else {})
    return {"apiVersion": API, "kind": "Application", "metadata": {"name": name}, "spec": {"blueprint": wish, **spec}}


def files(*applications: Mapping[str, Any], env: Mapping[str, Any] | None = None) -> dict[str, Source]:
    """The parsed files of an Environment."""
    found = {"environment.yaml": source(env or environment(), "environment.yaml")}
    for one in applications:
        file = f"applications/{one['metadata']['name']}.yaml"
        found[file] = source(one, file)
    return found


def wish(*applications: Mapping[str, Any], env: Mapping[str, Any] | None = None) -> ValidatedInput:
    """A valid wish."""
    wanted, problems = validate(files(*applications, env=env))
    assert wanted is not None, problems
    return wanted


def blueprint_data(name: str, version: str = "1.0.0", **spec: Any) -> dict[str, Any]:
    """A Blueprint's document."""
    return {"apiVersion": API, "kind": "Blueprint", "metadata": {"name": f"bp-{name}"}, "spec": {"version": version, **spec}}


def blueprint(name: str, version: str = "1.0.0", **spec: Any) -> Blueprint:
    """A Blueprint."""
    return Blueprint.model_validate(blueprint_data(name, version, **spec))


def need(name: str, version: str = "*", **more: Any) -> dict[str, Any]:
    """A dependency on a Blueprint."""
    return {"blueprint": f"bp-{name}", "version": version, **more}


def verified(one: Blueprint, home: str = SHOP, content: str = "") -> VerifiedBlueprint:
    """A Blueprint whose signature held."""
    artifact = f"oci://{home}/{one.name}@{sha(f'{home}/{one.name}:{one.version}{content}')}"
    return VerifiedBlueprint(one, artifact, ChartPin(digest=sha("chart" + artifact), media_type=CHART_TYPE), EVIDENCE)


class BlueprintCatalog:
    """A Catalog in memory; it keeps count of the versions it was asked for.

    Args:
        blueprints: what is in it, in this order.
        untrusted: (name, version) of those whose signature does not hold.
        homes: further catalogs with their Blueprints.
        charts: what the charts of some say about values, by the Blueprint's full name.
    """

    def __init__(
        self,
        *blueprints: Blueprint,
        untrusted: Iterable[tuple[str, str]] = (),
        homes: Mapping[str, Sequence[Blueprint]] | None = None,
        charts: Mapping[str, HelmChart] | None = None,
    ) -> None:
        self._charts = charts or {}
        self._homes: dict[str, dict[str, dict[str, Blueprint]]] = {}
        self._untrusted = {(f"bp-{name}", version) for name, version in untrusted}
        for home, held in ({SHOP: blueprints} | dict(homes or {})).items():
            for one in held:
                self._homes.setdefault(home, {}).setdefault(one.name, {})[one.version] = one

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        return {home: list(held[name]) for home, held in self._homes.items() if name in held}

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        one = self._homes.get(catalog, {}).get(name, {}).get(version)
        if one is None:
            return ExcludedVersion(version, "InvalidBlueprint", "it is gone")
        if (name, version) in self._untrusted:
            return ExcludedVersion(version, "Untrusted", "no signature holds")
        found = replace(verified(one, catalog), values_chart=self._charts.get(name))
        return found if digest in {None, found.artifact.rpartition("@")[2]} else ExcludedVersion(version, "Gone", "moved")


def package(name: str, version: str = "1.0.0", **fields: Any) -> Package:
    """A package of a lock."""
    usual: dict[str, Any] = {
        "application": name,
        "blueprint": f"bp-{name}",
        "version": version,
        "artifact": verified(blueprint(name, version)).artifact,
        "chart": ChartPin(digest=sha("chart"), media_type=CHART_TYPE),
        "placements": [FSN],
        "evidence": EVIDENCE,
        "entry": sha(f"entry {name} {version}"),
    }
    return Package(**(usual | fields))


def lock_of(*packages: Package) -> EnvironmentLock:
    """A lock of acme-prod."""
    clusters = sorted({cluster for package in packages for cluster in package.placements} or {FSN})
    return EnvironmentLock(
        metadata=LockMetadata(name="acme-prod"),
        sovereign=SOVEREIGN,
        organization="acme",
        placements=clusters,
        packages=list(packages),
    )


def prior(*packages: Package) -> dict[str, Package]:
    """A prior lock as `resolve` takes it."""
    return {p.application: p for p in packages}


def resolved(wanted: ValidatedInput, shelf: BlueprintCatalog, before: Mapping[str, Package] | None = None) -> Resolution:
    """A resolution that must succeed."""
    resolution, problems = resolve(wanted, before or {}, shelf)
    assert resolution is not None, problems
    return resolution


def refused(wanted: ValidatedInput, shelf: BlueprintCatalog, before: Mapping[str, Package] | None = None) -> tuple[Problem, ...]:
    """The problems of a resolution that must fail."""
    resolution, problems = resolve(wanted, before or {}, shelf)
    assert resolution is None
    assert problems
    return problems


def versions(resolution: Resolution) -> dict[str, str]:
    """The version of each Application."""
    return {name: choice.verified.blueprint.version for name, choice in resolution.choices.items()}


def pinned(wanted: ValidatedInput, shelf: BlueprintCatalog) -> tuple[EnvironmentLock | None, tuple[Problem, ...]]:
    """The lock of a wish that can be resolved."""
    return build_lock(wanted, resolved(wanted, shelf), SOVEREIGN)


def locked(wanted: ValidatedInput, shelf: BlueprintCatalog) -> dict[str, Package]:
    """The packages of a wish that can be pinned."""
    lock, problems = pinned(wanted, shelf)
    assert lock is not None, problems
    return {p.application: p for p in lock.packages}


def rule_result(holds: str, reason: str, moment: int | None = None) -> RuleResult:
    return RuleResult("p", "k", holds, reason, reason.lower(), moment)  # type: ignore[arg-type]


def entry_digest(text: str) -> str:
    return sha(text)
