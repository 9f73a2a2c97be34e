"""Media types and references of a Blueprint's OCI artifact, as publishing writes them and the catalog and Flux read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.model.lock import Package


_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"

_ARTIFACT = re.compile(rf"oci://([A-Za-z0-9.:\[\]-]*[.:][A-Za-z0-9.:\[\]-]*(?:/{_WORD})+)@(sha256:[0-9a-f]{{64}})")

CONFIG_TYPE: Final = "application/vnd.cncf.helm.config.v1+json"

CHART_TYPE: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

BLUEPRINT_TYPE: Final = "application/vnd.openova.catalyst.blueprint.v1+yaml"


def parse_artifact(package: Package) -> tuple[str, str] | None:
    """Returns the repository (`host/path`) and the digest of a package's artifact; None when the reference is invalid."""
    match = _ARTIFACT.fullmatch(package.artifact)
    return (match[1], match[2]) if match else None


def repository_url(package: Package) -> str:
    """Returns the repository of a package's artifact as `oci://host/path`."""
    return package.artifact.rpartition("@")[0]


def registry_of(package: Package) -> str:
    """Returns the registry host of a package's artifact."""
    return package.artifact.removeprefix("oci://").partition("/")[0]


def catalog_of(package: Package) -> str:
    """Returns the catalog (`host/path` without the Blueprint's name) that a package came from."""
    return package.artifact.removeprefix("oci://").rpartition("/")[0]
