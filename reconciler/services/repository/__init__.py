"""reconciler/services/repository."""
