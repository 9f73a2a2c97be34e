"""reconciler/adapters/cosign."""
