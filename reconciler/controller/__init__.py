"""reconciler/controller."""
