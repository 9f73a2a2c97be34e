"""reconciler/services/verification."""
