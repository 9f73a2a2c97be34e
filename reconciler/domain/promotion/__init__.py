"""reconciler/domain/promotion."""
