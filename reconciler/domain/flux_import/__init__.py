"""reconciler/domain/flux_import."""
