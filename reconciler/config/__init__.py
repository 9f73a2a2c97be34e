"""reconciler/config."""
