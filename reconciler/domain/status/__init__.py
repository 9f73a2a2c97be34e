"""reconciler/domain/status."""
