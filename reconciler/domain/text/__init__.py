"""reconciler/domain/text."""
