"""reconciler/services/observation."""
