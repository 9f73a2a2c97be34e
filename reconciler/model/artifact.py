"""The media types of a Blueprint's OCI artifact: what publishing writes, the catalog reads and Flux is told to take."""

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
    """The repository (`host/path`) and the digest of a package's artifact; None when it names no such thing."""
    match = _ARTIFACT.fullmatch(package.artifact)
    return (match[1], match[2]) if match else None


def home_of(package: Package) -> str:
    """The catalog that a package came from."""
    return package.artifact.removeprefix("oci://").rpartition("/")[0]
