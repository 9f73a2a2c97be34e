"""reconciler/domain/trust."""
