"""API groups and versions of Flux's objects."""

from __future__ import annotations

from typing import Final

HELM_GROUP: Final = "helm.toolkit.fluxcd.io"
HELM_VERSION: Final = "v2"
SOURCE_GROUP: Final = "source.toolkit.fluxcd.io"
SOURCE_VERSION: Final = "v1"
KUSTOMIZE_GROUP: Final = "kustomize.toolkit.fluxcd.io"
KUSTOMIZE_VERSION: Final = "v1"
KUSTOMIZE_CONFIG_GROUP: Final = "kustomize.config.k8s.io"
"""The group of Kustomize's own files, which are no objects of Flux."""
