"""reconciler/services/review."""
