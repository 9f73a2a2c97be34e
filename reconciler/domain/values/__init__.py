"""reconciler/domain/values."""
