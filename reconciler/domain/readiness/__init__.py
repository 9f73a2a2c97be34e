"""reconciler/domain/readiness."""
