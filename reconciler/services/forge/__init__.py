"""reconciler/services/forge."""
