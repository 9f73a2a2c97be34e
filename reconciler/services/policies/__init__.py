"""reconciler/services/policies."""
