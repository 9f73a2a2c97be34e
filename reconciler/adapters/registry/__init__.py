"""reconciler/adapters/registry."""
