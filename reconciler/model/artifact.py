"""The media types of a Blueprint's OCI artifact: what publishing writes, the catalog reads and Flux is told to take."""

from __future__ import annotations

from typing import Final

CONFIG_TYPE: Final = "application/vnd.cncf.helm.config.v1+json"
CHART_TYPE: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
BLUEPRINT_TYPE: Final = "application/vnd.openova.catalyst.blueprint.v1+yaml"
