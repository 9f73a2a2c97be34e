"""reconciler/domain/locking."""
