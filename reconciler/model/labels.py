"""Labels and annotations by which the reconciler knows the Kubernetes objects it made."""

from __future__ import annotations

APPLICATION_LABEL = "openova.io/application"

ENTRY_ANNOTATION = "catalyst.openova.io/entry"

MANAGED_BY = {"app.kubernetes.io/managed-by": "catalyst-reconciler"}
