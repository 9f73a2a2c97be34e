"""reconciler/domain/resolution."""
