"""Labels and annotations that identify the Kubernetes objects created by the reconciler."""

from __future__ import annotations

APPLICATION_LABEL = "openova.io/application"

ENTRY_ANNOTATION = "catalyst.openova.io/entry"

MANAGED_BY = {"app.kubernetes.io/managed-by": "catalyst-reconciler"}
