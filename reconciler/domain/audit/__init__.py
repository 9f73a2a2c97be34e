"""reconciler/domain/audit."""
