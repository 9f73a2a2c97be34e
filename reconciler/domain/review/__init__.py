"""reconciler/domain/review."""
