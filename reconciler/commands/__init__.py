"""reconciler/commands."""
