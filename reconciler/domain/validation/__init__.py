"""reconciler/domain/validation."""
